/** The verify page in a real browser: once loaded it needs no network, and says green or red of what it is given, code by code. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import encodeQR from 'qr';
import { writeZip } from '../../server/cli/bundle/stored-zip.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { formatRecordMark } from '../../server/core/opening/record-mark.ts';
import { openBrowser } from '../support/browser.ts';
import { newFolder } from '../support/folder.ts';
import { bundleOf } from '../support/golden-bundle.ts';
import { goldenFiles, memorySource, TRUST, WHOLE } from '../support/golden-judge.ts';
import { type LogFiles, writeFiles } from '../support/golden-log.ts';
import { servePages } from '../support/page-server.ts';
import t from '../support/tap.ts';
import { violations } from './axe.ts';

t.setTimeout(180_000);
// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing']);

const bare = goldenFiles('valid', WHOLE);
const known = await verifySource(memorySource(bare), { requireAllDisclosures: true });
if (!known.ok || known.state === null || known.state.record === null) throw new Error('the golden log has no record');
const whole = bundleOf(bare, known.record, 'complete');

async function zipOf(name: string, files: LogFiles): Promise<string> {
  const folder = await newFolder(t, name);
  await writeFiles(files, folder);
  await writeZip(folder, `${folder}.zip`);
  return `${folder}.zip`;
}
const good = await zipOf('good', whole);
const changed = new Map(whole);
const entries = [...whole.keys()].find((path) => path.startsWith('tile/entries/')) ?? '';
changed.set(
  entries,
  Uint8Array.from(whole.get(entries) ?? [], (byte, at) => (at === 300 ? byte ^ 1 : byte)),
);
const bad = await zipOf('bad', changed);

const browser = await openBrowser();
t.teardown(() => browser.close());
const server = await servePages({ '/verify': 'verify' });
t.teardown(() => server.close());
const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
const page = await context.newPage();
/** This machine has no Chinese font: to draw a character that is new to it the browser asks for one slice of the page's own. */
const FONT = /\/assets\/noto-sans-[^/]*\.woff2$/;
const problems: string[] = [];
page.on('console', (message) => {
  const isFont = FONT.test(message.location().url);
  if (['error', 'warning'].includes(message.type()) && !isFont) problems.push(message.text());
});
page.on('pageerror', (error) => problems.push(error.message));

const picture = async (of: Page, name: string): Promise<void> => {
  for (const line of await violations(of)) problems.push(`${name}: ${line}`);
  const to = process.env['SCREENSHOT_FOLDER'];
  if (to !== undefined) await of.screenshot({ path: join(to, `${name}.png`), fullPage: true });
};
const verdict = () => page.locator('[data-verdict]').first().getAttribute('data-verdict', { timeout: 60_000 });

await page.goto(`${server.url}/verify`);
await page.waitForLoadState('networkidle');
// the page and its worker are each kept
await page.evaluate(async () => {
  const kept = async () => (await navigator.serviceWorker.getRegistrations()).filter(({ active }) => active !== null);
  while ((await kept()).length < 2) await new Promise((again) => setTimeout(again, 20));
});

t.test('cut off from the network, a bundle is judged without a single request', async (t) => {
  await context.setOffline(true);
  const before = server.asked.length;
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await picture(page, 'verify-empty');
  await page.setInputFiles('input[name=files]', good);
  t.equal(await verdict(), 'inner');
  t.match(await page.textContent('.verdict'), /未选择信任锚/);
  await picture(page, 'verify-inner');
  t.strictSame(
    requests.filter((url) => !FONT.test(url)),
    [],
  );
  t.strictSame(server.asked.slice(before), []);
});

t.test('with the reader’s own anchor it is green, and what it was stands there', async (t) => {
  await page.click('details.section > summary');
  await page.fill('textarea[name=policy]', TRUST);
  await page.setInputFiles('input[name=files]', good);
  await page.locator('[data-verdict=good]').waitFor({ timeout: 60_000 });
  t.equal(await page.locator('[data-item][data-standing=bad]').count(), 0);
  t.equal(await page.locator('[data-item=anchor]').getAttribute('data-standing'), 'good');
  t.match(await page.textContent('#prices'), /2,600,000\.00/);
  t.match(await page.textContent('#record'), /一致/);
  await picture(page, 'verify-good');
});

t.test('one changed byte is red, with the code and the file', async (t) => {
  await page.setInputFiles('input[name=files]', bad);
  await page.locator('[data-verdict=bad]').waitFor({ timeout: 60_000 });
  t.match(await page.textContent('.verdict-code'), 'bundle_file_differs');
  t.match(await page.textContent('.verdict'), entries);
  t.equal(await page.locator('[data-item=files]').getAttribute('data-standing'), 'bad');
  await picture(page, 'verify-bad');
  await page.click('.language button:text-is("English")');
  await page.locator('.verdict >> text=A file of the bundle is not the one').waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, 'verify-bad-narrow-en');
  await page.setInputFiles('input[name=files]', good);
  await page.locator('[data-verdict=good]').waitFor({ timeout: 60_000 });
  await picture(page, 'verify-good-narrow-en');
});

t.test('a QR code in a picture is read here, and one of another platform is asked nothing', async (t) => {
  const mark = formatRecordMark('https://other.example', {
    openingId: known.ok && known.state !== null ? known.state.openingId : '',
    version: 1,
    sha256: 'A'.repeat(43),
    size: 38,
    root: `${'A'.repeat(43)}=`,
  });
  const folder = await newFolder(t, 'code');
  await writeFiles(new Map([['code.gif', encodeQR(mark, 'gif', { scale: 6 })]]), folder);
  await page.setInputFiles('input[name=code]', join(folder, 'code.gif'));
  await page.locator('text=https://other.example').waitFor();
  await writeFile(
    join(folder, 'none.gif'),
    await readFile(join(folder, 'code.gif')).then((bytes) => bytes.subarray(0, 40)),
  );
  await page.setInputFiles('input[name=code]', join(folder, 'none.gif'));
  await page.locator('text=No QR code was found').waitFor();
});

t.test('opened once, the page opens again where there is no platform at all, and judges', async (t) => {
  await context.setOffline(false);
  await page.goto(`${server.url}/verify`);
  await page.waitForLoadState('networkidle');
  const kept = await page.evaluate(async () => {
    const [name = '', ...more] = await caches.keys();
    const paths = (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
    return { more: more.length, paths, isControlled: navigator.serviceWorker.controller !== null };
  });
  t.match(kept, { more: 0, isControlled: true });
  t.ok(
    kept.paths.every((path) => path === '/verify' || path.startsWith('/assets/')),
    'no answer of the platform is kept',
  );
  await server.close();
  await page.goto(`${server.url}/verify`);
  await page.setInputFiles('input[name=files]', good);
  t.equal(await verdict(), 'inner');
  await page.setInputFiles('input[name=files]', bad);
  await page.locator('[data-verdict=bad]').waitFor();
});

t.test('the page made no mistake on the way', async (t) => {
  t.strictSame(problems, []);
});
