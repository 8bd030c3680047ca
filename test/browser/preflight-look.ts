/** The pre-flight as a person goes through it on the page: what is red says why, what they do turns it, and the verdict follows. */
import type { Page } from 'playwright-core';
import type t from '../support/tap.ts';
import { violations } from './axe.ts';
import { takePicture } from './pictures.ts';
import { speak } from './visitor.ts';

type Judge = Pick<typeof t, 'equal' | 'match' | 'notMatch' | 'strictSame'>;

export type PreflightLook = {
  readonly page: Page;
  readonly url: string;
  readonly openingId: string;
  /** Both certificates of a bidder, and what opens them. */
  readonly files: readonly string[];
  readonly password: string;
  /** The platform's clock, ms. */
  now(): number;
  picture(name: string): Promise<void>;
};

const levelOf = (page: Page, check: string): Promise<string | null> =>
  page.locator(`[data-check=${check}]`).first().getAttribute('data-level');
const verdict = (page: Page, kind: string): Promise<void> => page.locator(`.verdict[data-verdict=${kind}]`).waitFor();
const measured = (page: Page): Promise<void> => page.locator('.again:enabled').waitFor();

/** Goes through it as a bidder, by the keyboard where a key does. */
export async function lookAround(t: Judge, look: PreflightLook): Promise<void> {
  const { page, url, openingId, files, password, now, picture } = look;
  await page.goto(`${url}/preflight?opening=${openingId}&role=bidder`);
  await measured(page);
  // this computer's clock is months behind the platform's of this test
  await verdict(page, 'not_ready');
  t.equal(await levelOf(page, 'clock'), 'bad');
  t.match(await page.textContent('[data-check=clock]'), /不通过.*比平台快 [0-9]+ 天.*怎样处理.*校准时钟/s);
  for (const check of ['secure', 'algorithms', 'worker', 'streams', 'storage', 'answer', 'down', 'up', 'socket'])
    t.equal(await levelOf(page, check), 'good', check);
  await picture('preflight-red');

  await page.clock.setSystemTime(now());
  await page.locator('.again').focus();
  await page.keyboard.press('Enter');
  await page.locator('.again:disabled').waitFor();
  await measured(page);
  await verdict(page, 'unfinished');
  t.equal(await levelOf(page, 'clock'), 'good');

  await page.locator('#sound button').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('#sound button:text-is("我听到了")').waitFor();
  await page.keyboard.press('Tab');
  while (!/听到了/.test((await page.evaluate(() => document.activeElement?.textContent)) ?? ''))
    await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  t.equal(await levelOf(page, 'tone'), 'good');

  await page.setInputFiles('#certificate input[type=file]', [...files]);
  await page.fill('#certificate input[type=password]', 'wrong');
  await page.keyboard.press('Enter');
  await page.locator('[data-check=sign][data-level=bad]').waitFor();
  t.match(await page.textContent('[data-check=sign]'), /密码不正确.*怎样处理/s);
  await page.fill('#certificate input[type=password]', password);
  await page.keyboard.press('Enter');
  await page.locator('[data-check=login][data-level=good]').waitFor();
  // no revocation list of this CA was ever brought here
  for (const check of ['sign', 'encrypt']) {
    t.equal(await levelOf(page, check), 'warning');
    t.match(await page.textContent(`[data-check=${check}]`), /没有该 CA 的吊销列表/);
  }
  t.equal(await levelOf(page, 'key'), 'good');
  await verdict(page, 'ready');
  t.equal(await page.inputValue('#certificate input[type=password]'), '', 'the password is not left standing');
  const report = await page.inputValue('.report-text');
  t.match(report, /^开标前检查 · 已就绪/);
  t.notMatch(report, new RegExp(`${password}|\\.p12`), 'nothing that was typed or chosen');
  await takePicture(page, 'preflight.zh-CN');

  for (const width of [390, 683]) {
    // 683 is a page of 1366 at 200 %
    await page.setViewportSize({ width, height: width === 390 ? 844 : 384 });
    for (const language of ['zh-CN', 'en'] as const) {
      await speak(page, language);
      t.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${width} in ${language}`);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        t.strictSame(await violations(page), [], `${width} ${language} ${colorScheme}`);
      }
      if (width === 390) await picture(`preflight-phone-${language}`);
    }
    await page.emulateMedia({ colorScheme: 'light' });
  }
  await page.emulateMedia({ media: 'print' });
  t.equal(await page.locator('#certificate form').isVisible(), false);
  await page.emulateMedia({ media: 'screen' });
  await page.setViewportSize({ width: 1366, height: 768 });
  await takePicture(page, 'preflight.en');
  await page.selectOption('#role', 'public');
  t.equal(await page.locator('#certificate form').count(), 0, 'who looks on is asked for no certificate');
  await speak(page, 'zh-CN');
}
