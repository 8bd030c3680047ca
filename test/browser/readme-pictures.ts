/** Makes the pictures of the READMEs: `npm run pictures` draws each page in both languages and keeps it small. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { packageRoot } from '../../server/root.ts';
import { openBrowser } from '../support/browser.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import { servePages } from '../support/page-server.ts';
import { makeLog } from '../web/made-log.ts';
import { type Chapter, tell } from '../web/story.ts';
import { startFeed } from './feed-server.ts';
import { visit } from './visitor.ts';

const FOLDER = join(packageRoot, 'test/golden/pictures');
/** What one may have, so that a README stays light. */
const LIMIT_BYTES = 61_440;
const LANGUAGES = { 'zh-CN': '中文', en: 'English' } as const;

/** The top of the page, half as large. Throws: it is over the limit. */
async function keep(page: Page, name: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const clip = { x: 0, y: 0, width: 1366, height: 900, scale: 0.6 };
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 60, clip });
  const bytes = Buffer.from(data, 'base64');
  if (bytes.length > LIMIT_BYTES) throw new Error(`${name} has ${bytes.length} bytes`);
  await writeFile(join(FOLDER, `${name}.webp`), bytes);
}

await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing'], { cwd: packageRoot });
await mkdir(FOLDER, { recursive: true });
const browser = await openBrowser();
for (const [language, label] of Object.entries(LANGUAGES)) {
  const inLanguage = async (page: Page): Promise<void> => {
    await page.setViewportSize({ width: 1366, height: 900 });
    await page.click(`.language button:text-is("${label}")`);
    await page.waitForLoadState('networkidle');
  };
  for (const [name, chapter] of [
    ['window', 'Decrypting'],
    ['announced', 'Announced'],
  ] as const satisfies readonly (readonly [string, Chapter])[]) {
    const script = tell(chapter);
    const feed = await startFeed(makeLog(script), script.lines.length, () => script.now);
    const visitor = await visit(browser, { url: feed.url, openingId: OPENING_ID });
    await visitor.untilVerified(script.lines.length - 1);
    await inLanguage(visitor.page);
    await keep(visitor.page, `${name}-${language}`);
    await visitor.close();
    await feed.close();
  }
  const server = await servePages({ '/verify': 'verify' });
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${server.url}/verify`);
  await inLanguage(page);
  await keep(page, `verify-${language}`);
  await server.close();
}
await browser.close();
