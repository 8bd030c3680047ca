/** The opening's page in a real browser under its real policy: a whole opening, a cut connection, a server that lies. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import decodeQR from 'qr/decode.js';
import { extractText, getDocumentProxy } from 'unpdf';
import { REPORT_PERIOD_MS } from '../../web/opening/head-reports.ts';
import { openBrowser } from '../support/browser.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import { reportStub } from '../support/report-stub.ts';
import t from '../support/tap.ts';
import { makeLog } from '../web/made-log.ts';
import { CHAPTERS, type Chapter, tell } from '../web/story.ts';
import { violations } from './axe.ts';
import { startFeed } from './feed-server.ts';
import { speak, type Visitor, visit } from './visitor.ts';

// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing']);
const browser = await openBrowser();
t.teardown(() => browser.close());

const log = makeLog(tell('Archived'));
const scripts = new Map(CHAPTERS.map((chapter) => [chapter, tell(chapter)]));
const forked = makeLog(tell('Archived'), {
  rewrite: (entry) => (entry.seq === 2 ? { ...entry, command: 'another' } : entry),
});

const sizeAt = (chapter: Chapter): number => scripts.get(chapter)?.lines.length ?? 0;
const timeAt = (chapter: Chapter): number => scripts.get(chapter)?.now ?? 0;

/** A server that shows the opening up to a chapter. */
async function serve(t: { teardown(act: () => Promise<void>): void }, chapter: Chapter) {
  let at = timeAt(chapter);
  const feed = await startFeed(log, sizeAt(chapter), () => at);
  t.teardown(() => feed.close());
  return {
    ...feed,
    turnTo(next: Chapter) {
      at = timeAt(next);
      feed.show(log, sizeAt(next));
    },
  };
}

const address = (feed: { url: string }, openingId = OPENING_ID) => ({ url: feed.url, openingId });
const isCut = { problems: /WebSocket connection to/ };
const text = async (page: Page, selector: string): Promise<string> => (await page.textContent(selector)) ?? '';

t.test('a whole opening, live, with a connection cut in the middle of the window', async (t) => {
  const feed = await serve(t, 'Scheduled');
  const visitor: Visitor = await visit(browser, address(feed), { expected: isCut });
  const { page } = visitor;
  await visitor.untilVerified(sizeAt('Scheduled') - 1);
  t.equal(await visitor.phase(), '待开标');
  t.match(await text(page, '#board'), /任何人都看不到投标人及其数量/);

  feed.turnTo('CheckIn');
  await visitor.untilVerified(sizeAt('CheckIn') - 1);
  t.equal(await visitor.phase(), '签到');
  t.match(await text(page, '.countdown'), /^0[12]:[0-9]{2}:[0-9]{2}$/);
  feed.turnTo('Roster');
  await visitor.untilVerified(sizeAt('Roster') - 1);
  t.equal(await page.locator('#roster tbody tr').count(), 7);
  t.notMatch(await text(page, '#roster'), /1 号/, 'numbers are not public yet');
  feed.turnTo('Decrypting');
  await visitor.untilVerified(sizeAt('Decrypting') - 1);
  t.match(await text(page, '.tiles'), /7 号解密失败，可重试密钥不正确|7 号 解密失败，可重试密钥不正确/);

  feed.setOpen(false);
  feed.cut();
  await page.locator('.bar').waitFor();
  t.match(await text(page, '.bar'), /连接中断/);
  feed.turnTo('Attribution');
  feed.setOpen(true);
  await page.locator('.bar button').click();
  await visitor.untilVerified(sizeAt('Attribution') - 1);
  t.equal(await page.locator('.bar').count(), 0);
  t.equal(
    feed.resumedAfter[feed.resumedAfter.length - 1],
    sizeAt('Decrypting') - 1,
    'asked for what it missed, no more',
  );
  t.equal(await page.locator('.tile.tone-good').count(), 5);

  feed.turnTo('Announced');
  await visitor.untilVerified(sizeAt('Announced') - 1);
  t.equal(await visitor.phase(), '唱标');
  const prices = await text(page, '#prices');
  for (const expected of [/12,345,678\.90/, /壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角/, /超过最高投标限价/, /以大写为准/])
    t.match(prices, expected);
  t.equal(await page.locator('#prices .promise.tone-good').count(), 5, 'each price is held against its promise');

  feed.turnTo('Record');
  await visitor.untilVerified(sizeAt('Record') - 1);
  t.match(await text(page, '#record'), /第 2 版.*所载内容与摘要一致/s);
  t.equal(await page.locator('#record .answer.tone-good').count(), 3);
  t.match(await text(page, '#objections'), /异议 1.*已答复.*仅参加开标的各方可见/s);
  feed.turnTo('Archived');
  await visitor.untilVerified(log.size - 1);
  t.equal(await visitor.phase(), '归档');
  t.equal(await visitor.verifiedTo(), log.size - 1);
  t.equal(
    await codeOn(page),
    `${feed.url}/verify#${OPENING_ID}/2`,
    'the code leads to the verify page with the number',
  );
  const paper = await textOnPaper(page);
  for (const expected of [/12,345,678\.90/, /第2版/, /异议1/, /归档/]) t.match(paper, expected);
  for (const control of ['登录', '打印本页', '下载开标记录', '在线']) t.notMatch(paper, control);
  t.strictSame(visitor.problems, []);
  await visitor.close();
});

/** The text of the QR code, read from its squares as a camera would. */
async function codeOn(page: Page): Promise<string> {
  const path = (await page.locator('.qr-ink').getAttribute('d')) ?? '';
  const side = Number((await page.locator('.qr-code').getAttribute('viewBox'))?.split(' ')[2]);
  const width = side * 4;
  const data = new Uint8Array(width * width * 4).fill(255);
  for (const [, x, y] of path.matchAll(/M(\d+) (\d+)h1/g))
    for (let dx = 0; dx < 4; dx++)
      for (let dy = 0; dy < 4; dy++) {
        const at = ((Number(y) * 4 + dy) * width + Number(x) * 4 + dx) * 4;
        data.fill(0, at, at + 3);
      }
  return decodeQR({ data, width, height: width }, { timeLimit: 5_000 });
}

/** What the browser prints of a page, without the spaces between. */
async function textOnPaper(page: Page): Promise<string> {
  const bytes = new Uint8Array(await page.pdf({ format: 'A4' }));
  const to = process.env['SCREENSHOT_FOLDER'];
  if (to !== undefined) await writeFile(join(to, 'opening-on-paper.pdf'), bytes.slice());
  const { text: found } = await extractText(await getDocumentProxy(bytes), { mergePages: true });
  return found.replace(/\s+/g, '');
}

t.test(
  'the page tells the monitors that the platform names, under its policy, and says loudly what they say',
  async (t) => {
    const monitor = await reportStub(t);
    const feed = await startFeed(log, sizeAt('Decrypting'), () => timeAt('Decrypting'), [monitor.url]);
    t.teardown(() => feed.close());
    const visitor = await visit(browser, address(feed), {
      before: (page) => page.clock.install(),
      expected: { problems: new RegExp(`^elsewhere: ${monitor.url}/heads$`) },
    });
    const { page } = visitor;
    await visitor.untilVerified(sizeAt('Decrypting') - 1);
    await page.locator('.trust-head').click();
    await page.clock.fastForward(REPORT_PERIOD_MS);
    await page.locator('.trust-inside:has-text("所见日志与本页一致")').waitFor();
    t.strictSame(monitor.notes, [log.note(sizeAt('Decrypting'))]);
    t.equal(await page.locator('.banner-refused').count(), 0);
    monitor.say('other');
    feed.show(log, sizeAt('Decrypting') + 1);
    await visitor.untilVerified(sizeAt('Decrypting'));
    await page.clock.fastForward(REPORT_PERIOD_MS);
    await page.locator('.trust-inside:has-text("称所见日志不同，但未予证明")').waitFor();
    t.equal(await page.locator('.banner-refused').count(), 0, 'its word alone accuses nobody');
    monitor.say('other', [log.note(3), forked.note(3)]);
    feed.show(log, sizeAt('Decrypting') + 2);
    await visitor.untilVerified(sizeAt('Decrypting') + 1);
    await page.clock.fastForward(REPORT_PERIOD_MS);
    await page.locator('.banner-refused').waitFor();
    t.match(await text(page, '.banner-refused'), /监督端所见日志与本页不同.*127\.0\.0\.1/);

    // the page of a session does the same for each of its lots
    monitor.say('known');
    monitor.notes.length = 0;
    await page.goto(`${feed.url}/sessions/one`);
    await page.locator('#lots td .tone-good').waitFor();
    await page.clock.fastForward(REPORT_PERIOD_MS);
    await page.locator('#lots:has-text("所见日志与本页一致")').waitFor();
    t.strictSame(monitor.notes, [log.note(sizeAt('Decrypting') + 2)]);
    t.equal(await page.locator('.banner-refused').count(), 0);
    monitor.say('other', [log.note(3), forked.note(3)]);
    feed.show(log, sizeAt('Decrypting') + 3);
    await page.locator(`#lots td:has-text("${sizeAt('Decrypting') + 3}")`).waitFor();
    await page.clock.fastForward(REPORT_PERIOD_MS);
    await page.locator('.banner-refused').waitFor();
    t.match(await text(page, '#lots td .tone-bad'), /监督端所见日志与本页不同/);
    if (process.env['SCREENSHOT_FOLDER'] !== undefined)
      await page.screenshot({ path: `${process.env['SCREENSHOT_FOLDER']}/session-forked.png`, fullPage: true });
    t.strictSame(visitor.problems, []);
    await visitor.close();
  },
);

t.test('the language is switched and remembered', async (t) => {
  const feed = await serve(t, 'Announced');
  const visitor = await visit(browser, address(feed));
  const { page } = visitor;
  await page.locator('.now-name').waitFor();
  t.equal(await page.getAttribute('html', 'lang'), 'zh-CN');
  t.match(await page.title(), /^唱标 · 河西走廊/);
  await speak(page, 'en');
  t.equal(await page.getAttribute('html', 'lang'), 'en');
  t.match(await page.title(), /^Announcement · 河西走廊/);
  t.match(await text(page, '#prices'), /Over the ceiling price/);
  await page.reload();
  await page.locator('.now-name').waitFor();
  t.equal(await visitor.phase(), 'Announcement');
  t.strictSame(visitor.problems, []);
  await visitor.close();
});

t.test('what people wrote is shown as they wrote it', async (t) => {
  const feed = await serve(t, 'Record');
  const visitor = await visit(browser, address(feed));
  const { page } = visitor;
  await page.locator('#prices').waitFor();
  t.match(await text(page, '#prices'), /孙 <b>丽<\/b>/);
  t.match(await text(page, '#prices'), /合格 <100>/);
  t.match(await text(page, '#notices'), /签名设备驱动需要重装 <100>/);
  t.equal(await page.locator('#prices b').count(), 0);
  await page.locator('.feed .entry').first().locator('summary').click();
  const exact = await page.locator('.feed .entry').first().locator('.exact').first().textContent();
  t.equal(exact, log.texts[sizeAt('Record') - 1], 'the exact text of an entry');
  t.strictSame(visitor.problems, []);
  await visitor.close();
});

t.test('a frame that does not hold stops the page, and says why', async (t) => {
  const feed = await serve(t, 'Decrypting');
  const visitor = await visit(browser, address(feed));
  const { page } = visitor;
  const held = sizeAt('Decrypting');
  await visitor.untilVerified(held - 1);
  feed.send({ ...log.frame(held, held + 1), checkpoint: forked.note(held + 1) });
  await page.locator('.banner-refused').waitFor();
  t.match(await text(page, '.banner-refused'), /由条目算出的根与签名树头不一致.*root_differs/s);
  t.equal(await page.locator('.banner-refused').getAttribute('role'), 'alert');
  feed.turnTo('Announced');
  t.equal(await visitor.phase(), '投标人解密', 'what follows is not believed');
  t.equal(await page.locator('.feed .entry').count(), held);
  t.strictSame(visitor.problems, []);
  await visitor.close();
});

t.test('another history on the next visit is refused', async (t) => {
  const feed = await serve(t, 'Sealed');
  const visitor = await visit(browser, address(feed));
  await visitor.untilVerified(sizeAt('Sealed') - 1);
  feed.show(forked, sizeAt('Announced'));
  await visitor.page.reload();
  await visitor.page.locator('.banner-refused').waitFor();
  t.match(await text(visitor.page, '.banner-refused'), /日志已分叉.*head_forks/s);
  await visitor.close();
});

t.test('an opening that is not there, and an address that is none', async (t) => {
  const feed = await serve(t, 'Sealed');
  const visitor = await visit(browser, address(feed, 'no-such-opening'), {
    expected: { problems: /WebSocket connection to|404/ },
  });
  await visitor.page.locator('.message >> text=没有这次开标').waitFor();
  t.match(await text(visitor.page, 'main'), /no-such-opening/);
  t.strictSame(visitor.problems, []);
  await visitor.close();
  const astray = await visit(browser, address(feed, 'X'));
  await astray.page.locator('.message >> text=网址不完整').waitFor();
  await astray.close();
});

t.test('a browser without WebCrypto and without newer functions', async (t) => {
  const feed = await serve(t, 'Announced');
  const visitor = await visit(browser, address(feed), {
    before: (page) =>
      page.addInitScript(() => {
        Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined });
        for (const [host, name] of [
          [Array.prototype, 'at'],
          [Uint8Array.prototype, 'at'],
          [String.prototype, 'at'],
          [String.prototype, 'replaceAll'],
          [Object, 'hasOwn'],
          [Array.prototype, 'findLast'],
          [Array.prototype, 'toSorted'],
          [globalThis, 'structuredClone'],
        ] as const)
          Reflect.deleteProperty(host, name);
      }),
  });
  await visitor.untilVerified(sizeAt('Announced') - 1);
  t.match(await text(visitor.page, '#prices'), /12,345,678\.90/);
  t.strictSame(visitor.problems, []);
  await visitor.close();
});

t.test('by keyboard alone', async (t) => {
  const feed = await serve(t, 'Announced');
  const visitor = await visit(browser, address(feed));
  const { page } = visitor;
  await page.locator('.now-name').waitFor();
  await page.keyboard.press('Tab');
  t.equal(await page.evaluate(() => document.activeElement?.className), 'skip');
  await page.keyboard.press('Enter');
  t.equal(await page.evaluate(() => document.activeElement?.id), 'main');
  await page.locator('.trust-head').focus();
  await page.keyboard.press('Enter');
  const badge = await text(page, '.trust-inside');
  t.ok(badge.includes(log.root(sizeAt('Announced'))), 'the whole root');
  t.ok(badge.includes(log.signer.vkey));
  t.match(badge, /2 家中已有 2 家联署，至第 0 条/, 'how many countersigned, as the platform says');
  t.equal(await page.locator('[aria-live=polite]').textContent(), '已进入唱标阶段');
  await visitor.close();
});

t.test(
  'every chapter fits a phone and everybody’s reach, in both languages, by day and by night, and prints',
  async (t) => {
    for (const chapter of ['CheckIn', 'Suspended', 'Announced', 'Archived'] as const) {
      const feed = await serve(t, chapter);
      const visitor = await visit(browser, address(feed), { viewport: { width: 390, height: 844 } });
      const { page } = visitor;
      await visitor.untilVerified(sizeAt(chapter) - 1);
      for (const language of ['zh-CN', 'en'] as const) {
        await speak(page, language);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        t.equal(width, 390, `${chapter} in ${language} does not scroll sideways`);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          t.strictSame(await violations(page), [], `${chapter} in ${language}, ${colorScheme}`);
        }
      }
      await page.emulateMedia({ media: 'print' });
      t.equal(await page.locator('.language').isVisible(), false);
      t.ok(await page.locator('#feed').isVisible());
      t.strictSame(visitor.problems, []);
      await visitor.close();
    }
  },
);

t.test('what is out of somebody’s reach would be found', async (t) => {
  const feed = await serve(t, 'CheckIn');
  const visitor = await visit(browser, address(feed));
  await visitor.untilVerified(sizeAt('CheckIn') - 1);
  await visitor.page.evaluate(() => document.querySelector('#main')?.append(document.createElement('button')));
  t.match(await violations(visitor.page), [/^button-name/]);
  await visitor.close();
});
