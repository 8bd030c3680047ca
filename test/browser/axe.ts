/** Asks axe-core what of a page as it stands is against WCAG 2.2 A and AA. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../server/root.ts';

const source = readFileSync(join(packageRoot, 'node_modules/axe-core/axe.min.js'), 'utf8');
/** All there is in WCAG A and AA, or only what colours can break: for a page that was looked at whole in its other colours. */
export type Of = 'all' | 'colours';
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

const RUN_ONLY = {
  all: { type: 'tag', values: TAGS },
  colours: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
} as const satisfies Record<Of, unknown>;

type Found = { readonly id: string; readonly help: string; readonly nodes: readonly { readonly html: string }[] };
const LEAST = { all: 10, colours: 1 } as const satisfies Record<Of, number>;

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
export async function violations(page: Page, of: Of = 'all'): Promise<readonly string[]> {
  // Not by a script of the page: its policy forbids that.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(source);
  const { found, passed } = await page.evaluate(async (runOnly) => {
    const { axe } = globalThis as unknown as { axe: Axe };
    const result = await axe.run(document, { runOnly });
    const lines = result.violations.map(({ id, help, nodes }) => `${id} (${help}) ×${nodes.length}: ${nodes[0]?.html}`);
    return { found: lines, passed: result.passes.length };
  }, RUN_ONLY[of]);
  if (passed < LEAST[of]) throw new Error(`axe found only ${passed} rules that the page keeps`);
  return found;
}
