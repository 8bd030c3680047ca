/** People who act on the page of an opening: their key files, the log-in, an act by clicks, and pictures of what they see. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportPkcs12, type Holder, type Issued } from '../../server/cli/demo/ca.ts';
import type { Platform } from '../cli/person/platform.ts';
import { violations } from './axe.ts';
import { speak, type Visitor } from './visitor.ts';

const PASSWORD = 'secret';

/** Writes a key file as a CA hands it out; gives its path. */
export async function writeKeyFile(
  { folder }: Pick<Platform, 'folder'>,
  issued: Issued,
  name: string,
): Promise<string> {
  const keyFolder = join(folder, 'key-files');
  await mkdir(keyFolder, { recursive: true });
  const file = join(keyFolder, `${name}.p12`);
  await writeFile(file, exportPkcs12(issued, PASSWORD));
  return file;
}

/** A key file with a fresh certificate of somebody. */
export async function makeKeyFile(
  platform: Pick<Platform, 'ca' | 'folder'>,
  holder: Holder,
  usage: 'sign' | 'encrypt' = 'sign',
): Promise<string> {
  const issued = await platform.ca.issue({ holder, usage, key: 'rsa' });
  return writeKeyFile(platform, issued, `${holder.creditCode}-${holder.personId ?? 'bidder'}-${usage}`);
}

/** Logs in with key files and waits until the page knows who it is. */
export async function logIn({ page }: Visitor, files: string | readonly string[]): Promise<void> {
  await page.click('.log-in');
  await page.setInputFiles('dialog input[type=file]', typeof files === 'string' ? files : [...files]);
  await page.fill('dialog input[type=password]', PASSWORD);
  await page.click('dialog button[type=submit]');
  await page.locator('.seat-name').waitFor();
}

/** Opens the dialog of an act. */
export async function openAct({ page }: Visitor, name: string): Promise<void> {
  const button = page.locator(`:is(#mine .offers, .desk) button:text-is("${name}")`);
  await button.first().waitFor({ state: 'attached' });
  if (!(await button.first().isVisible())) await page.locator('#mine .exceptional summary').click();
  await button.first().click();
}

/** Chooses an act, fills it in, signs it, and gives what the page says became of it. */
export async function doAct(
  visitor: Visitor,
  name: string,
  fills: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { page } = visitor;
  const done = await page.locator('.sent li').count();
  await openAct(visitor, name);
  for (const [field, value] of Object.entries(fills)) {
    const input = page.locator(`dialog [name=${field}]`);
    if ((await input.getAttribute('type')) === 'file') await input.setInputFiles(value);
    else if ((await input.evaluate((element) => element.tagName)) === 'SELECT') await input.selectOption(value);
    else await input.fill(value);
  }
  await page.click('dialog button[type=submit]');
  await page.locator('.sent li').nth(done).waitFor();
  const ended = '.sent li:first-child[data-state=accepted] .tone-good, .sent li:first-child[data-state=refused]';
  await page.locator(ended).waitFor();
  return (await page.locator('.sent li').first().textContent()) ?? '';
}

/** Looks at a view: is it within everybody's reach (WCAG A and AA); as pictures, wide and narrow and in both languages, where these are wanted. */
export async function lookAt({ page }: Visitor, name: string, outOfReach: string[]): Promise<void> {
  for (const line of await violations(page)) outOfReach.push(`${name}: ${line}`);
  const to = process.env['SCREENSHOT_FOLDER'];
  if (to === undefined) return;
  const isDialog = (await page.locator('dialog[open]').count()) > 0;
  for (const [width, height] of [
    [1366, 768],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: join(to, `${name}-${width}-zh.png`), fullPage: true });
    if (isDialog) continue;
    await speak(page, 'en');
    await page.screenshot({ path: join(to, `${name}-${width}-en.png`), fullPage: true });
    await speak(page, 'zh-CN');
  }
  await page.setViewportSize({ width: 1366, height: 768 });
}
