/** Asks axe-core what of a page as it stands is against WCAG 2.2 A and AA. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../server/root.ts';

const source = readFileSync(join(packageRoot, 'node_modules/axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

type Found = { readonly id: string; readonly help: string; readonly nodes: readonly { readonly html: string }[] };
type Axe = {
  run(
    of: Document,
    options: object,
  ): Promise<{ readonly violations: readonly Found[]; readonly passes: readonly unknown[] }>;
};

/**
 * Returns: a line for each violation, with the first place it was found at.
 * Throws:  when axe held nothing against any rule: then it has seen no page.
 */
export async function violations(page: Page): Promise<readonly string[]> {
  // Not by a script of the page: its policy forbids that.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(source);
  const { found, passed } = await page.evaluate(async (tags) => {
    const { axe } = globalThis as unknown as { axe: Axe };
    const result = await axe.run(document, { runOnly: { type: 'tag', values: tags } });
    const lines = result.violations.map(({ id, help, nodes }) => `${id} (${help}) ×${nodes.length}: ${nodes[0]?.html}`);
    return { found: lines, passed: result.passes.length };
  }, TAGS);
  if (passed < 10) throw new Error(`axe found only ${passed} rules that the page keeps`);
  return found;
}
