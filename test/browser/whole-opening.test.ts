/** A whole opening through nothing but the pages, under stress: by keyboard alone, over a cut line, a server that starts again, a suspension, and in many scripts. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CDPSession, Page } from 'playwright-core';
import { extractText, getDocumentProxy } from 'unpdf';
import { demoCreditCode, type Holder, type KeyKind } from '../../server/cli/demo/ca.ts';
import { exportLog } from '../../server/cli/export-log.ts';
import { folderSource } from '../../server/cli/log-source.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { verifySource } from '../../server/cli/verify-log.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { MINUTE, OPENING, startPlatform } from '../cli/person/platform.ts';
import { openBrowser } from '../support/browser.ts';
import { newFolder } from '../support/folder.ts';
import { until } from '../support/recorder.ts';
import { LOT } from '../support/roadworks.ts';
import t from '../support/tap.ts';
import { layLine } from './cut-line.ts';
import { keyFile, PASSWORDS } from './key-files.ts';
import { type Hands, handsAt } from './keyboard.ts';
import { pictureOnDemand } from './pictures.ts';
import { mixedIn, outOfReach } from './reach.ts';
import { type Visitor, visit } from './visitor.ts';

// A whole opening on a busy machine.
t.setTimeout(240_000);
// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing']);

const TITLE = '国道312线改造 <100> שיפוץ כביש';
const SESSION = 'am-1';
const SESSION_TITLE = 'جلسة الصباح <100>';
const bidder = (place: number, name: string): Holder => ({
  creditCode: demoCreditCode(place),
  organisation: name,
  name,
});
/** The first goes by keyboard with SM2 keys, the second cannot decrypt, the third objects over a line that is cut. */
const STEADY = bidder(30, 'חברת סלילה <100>');
const FAILING = bidder(31, 'شركة الطرق <b>');
const OBJECTING = bidder(32, '金昌龙首山隧道工程有限公司 <100>');
const OBJECTION = 'כבר ראיתי <100> — 请主持人说明';
const ANSWER = 'الجواب: <100> 以开标一览表为准';
const PAUSE = '设备检查 <100> הפסקה';
const RULING = '未解密 <100> שיקול דעת';
const QUESTION = 'האם אפשר <100> — 可以补救吗？';
const MESSAGE = '请各位稍候 <100> שלום';

/** What a browser says of a line that is cut and of a server that is not there, and nothing else. */
const LINE_ERRORS =
  /WebSocket connection to|ERR_CONNECTION_(RESET|REFUSED)|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_INCOMPLETE_CHUNKED/;

const line = await layLine(t);
const platform = await startPlatform(t, { KAIBIAO_ALLOWED_ORIGINS: line.url });
line.leadTo(platform.url);
const browser = await openBrowser();
t.teardown(() => browser.close());
const folder = await newFolder(t, 'key-files');
await mkdir(folder, { recursive: true });
const document = join(folder, '技术标 <100>.txt');
await writeFile(document, '施工组织设计\n'.repeat(500));

const address = { url: platform.url, openingId: OPENING };
const state = (): Promise<OpeningState> => catchUp(platform.officials.host, OPENING, 'host');
const files = async (holder: Holder, key: KeyKind, ...usages: ('sign' | 'encrypt')[]): Promise<string[]> =>
  Promise.all(
    usages.map(async (usage) =>
      keyFile(folder, await platform.ca.issue({ holder, usage, key }), `${holder.creditCode}-${usage}`),
    ),
  );
const { host, witness } = platform.officials;
const [hostFiles, witnessFiles, steadyFiles, failingFiles, objectingFiles] = await Promise.all([
  files({ creditCode: host.creditCode, organisation: '代理', name: '主持 <100>', personId: 'A1' }, 'p256', 'sign'),
  files({ creditCode: witness.creditCode, organisation: '交易中心', name: '见证', personId: 'C2' }, 'p256', 'sign'),
  files(STEADY, 'sm2', 'sign', 'encrypt'),
  files(FAILING, 'p256', 'sign', 'encrypt'),
  files(OBJECTING, 'rsa', 'sign', 'encrypt'),
]);

const come = (at = address): Promise<Visitor> =>
  visit(browser, at, { expected: { problems: new RegExp(`${LINE_ERRORS.source}|status of 404`) } });
const atHost = await come();
const atSteady = await come();
const atFailing = await come();
const atObjecting = await come({ ...address, url: line.url });
const atWitness = await come();
const onlooker = await come();
const EVERYBODY = { atHost, atSteady, atFailing, atObjecting, atWitness, onlooker };
for (const { page } of Object.values(EVERYBODY)) page.setDefaultTimeout(15_000);
const hostHands = handsAt(atHost.page);
const steadyHands = handsAt(atSteady.page);
const inTheWay: string[] = [];
const mixed: string[] = [];

/** Logs in by keyboard; the password's Enter is the way of the keyboard to send. */
async function enterByKeys({ page }: Visitor, hands: Hands, from: string[], password: string): Promise<void> {
  await hands.press('.log-in');
  await page.locator('dialog.dialog').waitFor();
  await hands.give('dialog input[type=file]', from);
  await hands.type('dialog input[type=password]', password);
  await page.keyboard.press('Enter');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await hands.expectFocus('after the log-in');
}

async function enterByClicks({ page }: Visitor, from: string[], password: string): Promise<void> {
  await page.click('.log-in');
  await page.setInputFiles('dialog input[type=file]', from);
  await page.fill('dialog input[type=password]', password);
  await page.click('dialog button[type=submit]');
  await page.locator('.seat-name').waitFor();
}

const offer = (name: string): string => `:is(#mine .offers, .desk) button:text-is("${name}")`;

/** Waits until what was sent last is on the log that the page has verified, or refused. Returns: what is said of it. */
async function outcome({ page }: Visitor, before: number): Promise<string> {
  await page.locator('.sent li').nth(before).waitFor();
  const row = page.locator('.sent li').first();
  await page.locator('.sent li:first-child:is([data-state=refused], :has(.tone-good))').waitFor();
  return (await row.textContent()) ?? '';
}

/** Opens the dialog of an act by keyboard. */
async function openByKeys({ page }: Visitor, hands: Hands, name: string): Promise<void> {
  const button = page.locator(offer(name)).first();
  await button.waitFor({ state: 'attached' });
  if (!(await button.isVisible())) await hands.press('#mine .exceptional summary');
  await hands.press(offer(name));
  await page.locator('dialog').waitFor();
}

/** Does an act by keyboard, from its button to the outcome. */
async function doByKeys(
  visitor: Visitor,
  hands: Hands,
  name: string,
  fill: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { page } = visitor;
  const before = await page.locator('.sent li').count();
  await openByKeys(visitor, hands, name);
  for (const [field, text] of Object.entries(fill)) {
    const input = `dialog [name=${field}]`;
    const isChoice = (await page.locator(input).evaluate(({ tagName }) => tagName)) === 'SELECT';
    await (isChoice ? hands.choose(input, text) : hands.type(input, text));
  }
  await hands.press('dialog button[type=submit]');
  await page.locator('dialog').waitFor({ state: 'detached' });
  const said = await outcome(visitor, before);
  await hands.expectFocus(`after ${name}`);
  return said;
}

async function doByClicks(visitor: Visitor, name: string, fill: Readonly<Record<string, string>> = {}) {
  const { page } = visitor;
  const before = await page.locator('.sent li').count();
  await page.click(offer(name));
  for (const [field, text] of Object.entries(fill)) {
    const input = page.locator(`dialog [name=${field}]`);
    const isChoice = (await input.evaluate(({ tagName }) => tagName)) === 'SELECT';
    await (isChoice ? input.selectOption(text) : input.fill(text));
  }
  await page.click('dialog button[type=submit]');
  return outcome(visitor, before);
}

const LOGGED = /已写入见证日志第 [0-9]+ 条，并已在本页核验/;
const announced = (visitor: Visitor): Promise<string | null> => visitor.page.textContent('p[aria-live=polite]');

/** Composes by an input method, up to the Enter that takes what was composed. `meanwhile` comes in the middle of it. */
async function compose(page: Page, cdp: CDPSession, text: string, meanwhile: () => Promise<void>): Promise<void> {
  for (const typed of ['k', 'ka', "kai'b"])
    await cdp.send('Input.imeSetComposition', {
      text: typed,
      selectionStart: typed.length,
      selectionEnd: typed.length,
    });
  await meanwhile();
  // as Windows and Linux hand a page the Enter that an input method keeps for itself
  await cdp.send('Input.dispatchKeyEvent', {
    type: 'rawKeyDown',
    windowsVirtualKeyCode: 229,
    key: 'Process',
    code: 'Enter',
  });
  await cdp.send('Input.insertText', { text });
  await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', windowsVirtualKeyCode: 13, key: 'Enter', code: 'Enter' });
  await page.waitForTimeout(50);
}

t.test('a host drafts, reads and signs an opening by keyboard alone', async (t) => {
  const { page } = atHost;
  const hands = hostHands;
  await page.goto(`${platform.url}/draft`);
  await page.locator('.draft').waitFor();
  await enterByKeys(atHost, hands, hostFiles, PASSWORDS.other);
  const { tenderer, supervisor } = platform.officials;
  const at = new Date(platform.world.now() + 20 * MINUTE + 8 * 60 * MINUTE).toISOString().slice(0, 16);
  const texts: Readonly<Record<string, string>> = {
    openingId: OPENING,
    title: TITLE,
    projectCode: 'P-1',
    projectName: '道路工程',
    lotCode: LOT,
    lotName: 'מגרש <100>',
    tenderer: 'المالك <100>',
    agency: '代理机构',
    place: '开标一室',
    sessionId: SESSION,
    sessionTitle: SESSION_TITLE,
    tendererAccount: tenderer.account,
    witnessAccount: witness.account,
    supervisorAccount: supervisor.account,
    minimumBidders: '1',
    checkInLead: '10',
    decryptionWindow: '30',
    confirmation: '5',
  };
  await hands.choose('[name=profile]', 'rehearsal');
  for (const [name, text] of Object.entries(texts)) {
    if (name === 'sessionId') await typeMoment(page, hands, '[name=deadlineAt]', at);
    await hands.type(`[name=${name}]`, text);
  }
  t.equal(await page.inputValue('[name=deadlineAt]'), at);
  await hands.press('.draft-end .strong');
  await page.locator('.who-sees').waitFor();
  inTheWay.push(...(await outOfReach(page, 'draft-preview')));
  for (const text of [TITLE, SESSION_TITLE]) mixed.push(...(await mixedIn(page, text)));
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await hands.expectFocus('after the preview was left');
  await hands.press('.draft-end .strong');
  await hands.press('dialog .sign');
  await hands.press('.to-opening');
  await page.locator('.now-name:text-is("待编排")').waitFor();
  await enterByKeys(atHost, hands, hostFiles, PASSWORDS.other);
  await page.locator('.seat-name:text-is("主持 <100>")').waitFor();
  t.match(await doByKeys(atHost, hands, '发布开标安排'), LOGGED);
  t.equal(await atHost.phase(), '待开标');
});

/** A moment is typed segment by segment, as this browser's language orders them. */
async function typeMoment(page: Page, hands: Hands, selector: string, at: string): Promise<void> {
  await hands.to(selector);
  const [, year = '', month = '', day = '', hour = '', minute = ''] = /(\d+)-(\d+)-(\d+)T(\d+):(\d+)/.exec(at) ?? [];
  const isAfternoon = Number(hour) >= 12;
  await page.keyboard.type(`${month}${day}${year}`);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.type(`${String(Number(hour) % 12 || 12).padStart(2, '0')}${minute}${isAfternoon ? 'P' : 'A'}`);
}

t.test(
  'three bidders seal and lodge, one of them by keyboard alone; an Enter of the input method sends nothing',
  async (t) => {
    const { page } = atSteady;
    await enterByKeys(atSteady, steadyHands, steadyFiles, PASSWORDS.other);
    await steadyHands.press('#bid button:text-is("加密并递交")');
    await steadyHands.type('dialog [name=amount]', '12,680,000.00');
    await steadyHands.to('dialog [name=duration]');
    const cdp = await page.context().newCDPSession(page);
    await compose(page, cdp, '90天 <100>', async () => undefined);
    t.equal(await page.inputValue('dialog [name=duration]'), '90天 <100>');
    t.equal(await page.locator('dialog .field-fault:not(:empty)').count(), 0, 'it was not even tried to send');
    await steadyHands.type('dialog [name=manager]', 'מנהל <100>');
    await steadyHands.give('dialog [name=documents]', document);
    await steadyHands.press('dialog button[type=submit]');
    await lodgeSealed(atSteady, steadyHands);
    for (const [visitor, from, password, amount] of [
      [atFailing, failingFiles, PASSWORDS.other, '13,020,000.00'],
      [atObjecting, objectingFiles, PASSWORDS.rsa, '12,350,000.00'],
    ] as const) {
      await enterByClicks(visitor, from, password);
      await visitor.page.click('#bid button:text-is("加密并递交")');
      await visitor.page.fill('dialog [name=amount]', amount);
      await visitor.page.fill('dialog [name=duration]', '180天');
      await visitor.page.setInputFiles('dialog [name=documents]', document);
      await visitor.page.click('dialog button[type=submit]');
      await lodgeSealed(visitor, handsAt(visitor.page));
    }
    await enterByClicks(atWitness, witnessFiles, PASSWORDS.other);
  },
);

/** From the sealed bid to the receipt. */
async function lodgeSealed({ page }: Visitor, hands: Hands): Promise<void> {
  await page.locator('.bid-progress[data-state=sealed]').waitFor();
  await hands.expectFocus('after the form was sent');
  await hands.mark('.bid-progress input[type=checkbox]');
  await hands.press('.bid-progress button:text-is("发送给平台")');
  await page.locator('.bid-progress[data-state=lodged]').waitFor();
  await hands.expectFocus('after the bid was sent');
  await hands.press('.bid-progress button:text-is("关闭")');
  await page.locator('.seat:has-text("投标人")').waitFor();
}

t.test('checked in and opened; each change of phase is said to those who listen', async (t) => {
  await platform.passUntil(OPENING, 'CheckIn');
  t.match(await doByKeys(atSteady, steadyHands, '签到'), /平台已签收/);
  for (const visitor of [atFailing, atObjecting]) t.match(await doByClicks(visitor, '签到'), /平台已签收/);
  await platform.passUntil(OPENING, 'Sealed');
  t.match(await doByKeys(atHost, hostHands, '公布投标人名单'), LOGGED);
  t.match(await doByKeys(atHost, hostHands, '开启解密时限'), LOGGED);
  for (const visitor of Object.values(EVERYBODY)) {
    await visitor.page.locator('.now-name:text-is("投标人解密")').waitFor();
    t.equal(await announced(visitor), '已进入投标人解密阶段');
  }
});

t.test(
  'one line is cut in the middle of the window: what was sent meanwhile is received once, nothing is missed',
  async (t) => {
    const { page } = atObjecting;
    await mark(page);
    await page.click(offer('提出异议'));
    await page.fill('dialog [name=text]', OBJECTION);
    line.cut();
    await page.locator('.bar').waitFor();
    t.match(await page.textContent('.link-said'), /连接中断/);
    t.equal(await page.inputValue('dialog [name=text]'), OBJECTION, 'what was typed stays');
    const heldAtCut = await atObjecting.verifiedTo();
    t.match(await doByKeys(atSteady, steadyHands, '解密投标文件'), LOGGED);
    t.equal(await atObjecting.verifiedTo(), heldAtCut, 'it has heard nothing of it');
    await page.click('dialog button[type=submit]');
    await page.locator('.sent li[data-state=waiting]').waitFor();
    await pictureOnDemand(page, 'cut');
    line.mend();
    // without waiting for the page's own next attempt, unless that was faster
    await page.evaluate(() => globalThis.document.querySelector<HTMLElement>('.bar button')?.click());
    await page.locator('.sent li:first-child:has(.tone-good)').waitFor();
    t.equal(await page.textContent('.link-said'), '连接已恢复');
    t.equal(await page.locator('.bar').count(), 0);
    t.equal(await page.locator('.tile.tone-good').count(), 1);
    t.equal((await state()).objections.length, 1, 'sent twice, received once');
    t.ok(await isMarked(page), 'and never loaded anew');
  },
);

/** A page that is loaded anew has forgotten this. */
const mark = (page: Page): Promise<void> =>
  page.evaluate(() => void Object.assign(globalThis, { isTheSamePage: true }));
const isMarked = (page: Page): Promise<boolean> => page.evaluate(() => 'isTheSamePage' in globalThis);

t.test('the server ends and starts again in the middle of the window: every page goes on where it was', async (t) => {
  const { page } = atHost;
  for (const visitor of Object.values(EVERYBODY)) await mark(visitor.page);
  await onlooker.page.evaluate(() => scrollTo(0, 400));
  const scrolledTo = await onlooker.page.evaluate(() => scrollY);
  const before = await state();
  await openByKeys(atHost, hostHands, '暂停开标');
  await hostHands.type('dialog [name=reason]', '设备');
  const cdp = await page.context().newCDPSession(page);
  await compose(page, cdp, '检查', async () => {
    await platform.restart(async () => {
      for (const visitor of Object.values(EVERYBODY)) await visitor.page.locator('.bar').waitFor();
    });
    for (const visitor of Object.values(EVERYBODY)) await visitor.page.locator('.bar').waitFor({ state: 'detached' });
  });
  t.equal(await page.inputValue('dialog [name=reason]'), '设备检查', 'what was typed and what was being composed');
  t.equal(await page.locator('dialog').count(), 1, 'the Enter of the input method has sent nothing');
  t.equal(await page.evaluate(() => globalThis.document.activeElement?.getAttribute('name')), 'reason');
  t.equal(await onlooker.page.evaluate(() => scrollY), scrolledTo, 'nobody lost their place');
  const { window: decrypting, size } = await state();
  t.equal(decrypting?.closesAt, before.window?.closesAt, 'the window ends when it would have');
  t.equal(decrypting?.outageMs, 0, 'shorter than what would have to be made good');
  for (const [who, visitor] of Object.entries(EVERYBODY)) {
    await visitor.untilVerified(size - 1);
    t.ok(await isMarked(visitor.page), `${who} was not loaded anew`);
  }
});

t.test('the host suspends and resumes, and no time of the window is lost', async (t) => {
  const { page } = atHost;
  const closesAt = (await state()).window?.closesAt ?? 0;
  const sent = await page.locator('.sent li').count();
  await page.keyboard.type(' <100> הפסקה');
  await hostHands.press('dialog button[type=submit]');
  t.match(await outcome(atHost, sent), LOGGED);
  await hostHands.expectFocus('after the suspension');
  for (const visitor of Object.values(EVERYBODY)) {
    await visitor.page.locator('.banner-suspended').waitFor();
    t.equal(await announced(visitor), '本次开标已暂停');
    t.match(await visitor.page.textContent('.now-clock'), /暂停中，时限冻结|冻结/);
  }
  mixed.push(...(await mixedIn(onlooker.page, PAUSE)));
  t.equal(await atSteady.page.locator(offer('解密投标文件')).count(), 0);
  const since = (await state()).suspended?.since ?? 0;
  await platform.pass(3 * MINUTE);
  t.match(await doByKeys(atHost, hostHands, '恢复开标', { reason: '已恢复' }), LOGGED);
  for (const visitor of Object.values(EVERYBODY))
    await visitor.page.locator('.banner-suspended').waitFor({ state: 'detached' });
  const resumed = await state();
  t.ok((resumed.window?.closesAt ?? 0) - closesAt >= 3 * MINUTE);
  t.ok((resumed.window?.closesAt ?? 0) - closesAt <= platform.world.now() - since);
});

t.test('who cannot decrypt sees why, and at the end of the window what the evidence says of it', async (t) => {
  const { page } = atFailing;
  t.match(await doByClicks(atObjecting, '解密投标文件'), LOGGED);
  await page.click('.seat button');
  await enterByClicks(atFailing, failingFiles.slice(0, 1), PASSWORDS.other);
  t.match(await doByClicks(atFailing, '解密投标文件'), /信封是为另一张证书加密的/);
  inTheWay.push(...(await outOfReach(page, 'opening-as-bidder')));
  const closesAt = (await state()).window?.closesAt;
  await platform.passUntil(OPENING, 'Attribution');
  const over = await state();
  t.equal(over.window?.closed?.at, closesAt, 'to the millisecond');
  await atFailing.untilVerified(over.size - 1);
  t.match(await page.textContent('.tile.tone-warn'), /شركة الطرق <b>.*待认定.*系统建议：/s);
  t.match(
    await page.textContent('#rights'),
    /待认定.*2 号投标未能打开|未能打开/s,
    'what the evidence says stands on its own page',
  );
  // asked in private: nobody else reads it
  await page.selectOption('#chat select', { label: '私下问主持人' });
  await page.fill('#chat textarea', QUESTION);
  const kept = await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('kaibiao.say')));
  t.match(kept, [new RegExp(FAILING.creditCode)], 'what one has begun to ask is kept for nobody else at this tab');
  await page.click('#chat button[type=submit]');
  await page.locator(`#chat .chat-line:has-text("${QUESTION}")`).waitFor();
  mixed.push(...(await mixedIn(page, QUESTION)));
  await atHost.page.locator('#chat :text("待答复")').first().waitFor();
  t.equal(await atObjecting.page.getByText(QUESTION).count(), 0);
  t.match(await atHost.page.textContent('#rulings'), /未收到解密；解密通知已送达；有其他投标人成功解密；平台无中断/);
  inTheWay.push(...(await outOfReach(atHost.page, 'opening-as-host')));
  t.match(await doByKeys(atHost, hostHands, '认定', { verdict: 'deemed_revoked', reason: RULING }), LOGGED);
  await atWitness.page.click('#rulings button');
  await atWitness.page.fill('dialog [name=reason]', RULING);
  await atWitness.page.selectOption('dialog [name=verdict]', 'deemed_revoked');
  await atWitness.page.click('dialog button[type=submit]');
  await page.locator('.tile:has-text("شركة الطرق <b>").tone-bad').waitFor();
});

t.test('prices, the reader, an answer, and a word to all by an input method, all by keyboard', async (t) => {
  const { page } = atHost;
  t.match(await doByKeys(atHost, hostHands, '唱标'), LOGGED);
  await hostHands.press('#reader button');
  await page.locator('.reader').waitFor();
  for (const key of ['ArrowRight', 'ArrowLeft', 'Escape']) await page.keyboard.press(key);
  await page.locator('.reader').waitFor({ state: 'detached' });
  await hostHands.expectFocus('after the reader');
  t.match(await doByKeys(atHost, hostHands, '答复', { text: ANSWER }), LOGGED);
  const sent = await page.locator('.sent li').count();
  const saying = await page.locator('#chat .chat-line').count();
  await hostHands.to('#chat textarea');
  const cdp = await page.context().newCDPSession(page);
  await compose(page, cdp, MESSAGE, async () => {
    // the page is drawn anew, with a clock that went on
    await platform.pass(2_000);
    await atHost.page.waitForTimeout(100);
  });
  t.equal(await page.inputValue('#chat textarea'), MESSAGE);
  t.equal(await page.locator('.sent li').count(), sent, 'nothing was sent by an Enter of the input method');
  await hostHands.press('#chat button[type=submit]');
  await page.locator('#chat .chat-line').nth(saying).waitFor();
  await hostHands.expectFocus('after a word to all');
  t.match(await doByKeys(atHost, hostHands, '生成开标记录', { note: '含异议 <100>' }), LOGGED);
  await pictureOnDemand(page, 'host-record');
});

t.test('the record is signed and refused, the opening is closed and handed over', async (t) => {
  t.match(await doByKeys(atSteady, steadyHands, '确认开标记录'), LOGGED);
  t.match(await doByClicks(atObjecting, '拒绝确认开标记录', { reason: OBJECTION }), LOGGED);
  // whoever says nothing of the record has five minutes
  await platform.pass(5 * MINUTE);
  t.match(await doByKeys(atHost, hostHands, '提出结束开标'), LOGGED);
  t.match(await doByClicks(atWitness, '见证并结束开标'), LOGGED);
  t.match(await doByKeys(atHost, hostHands, '移交评标'), LOGGED);
  const { size } = await state();
  for (const visitor of Object.values(EVERYBODY)) await visitor.untilVerified(size - 1);
  t.equal(await atObjecting.phase(), '移交评标');
});

t.test('what people wrote is on every page as they wrote it, kept apart from the words around it', async (t) => {
  for (const text of [TITLE, STEADY.name, FAILING.name, OBJECTION, ANSWER, 'מנהל <100>', '90天 <100>'])
    mixed.push(...(await mixedIn(atObjecting.page, text)));
  mixed.push(...(await mixedIn(atHost.page, MESSAGE)));
  inTheWay.push(...(await outOfReach(onlooker.page, 'opening-as-public')));
  const { page } = onlooker;
  await page.goto(`${platform.url}/sessions/${SESSION}`);
  await page.locator('#lots td .tone-good').waitFor();
  for (const text of [SESSION_TITLE, 'מגרש <100>', MESSAGE]) mixed.push(...(await mixedIn(page, text)));
  inTheWay.push(...(await outOfReach(page, 'session')));
  await page.goto(`${platform.url}/`);
  await page.locator('.section a').first().waitFor();
  mixed.push(...(await mixedIn(page, TITLE)));
  inTheWay.push(...(await outOfReach(page, 'lobby')));
  await page.setViewportSize({ width: 3840, height: 2160 });
  const size = await page.evaluate(() => getComputedStyle(globalThis.document.documentElement).fontSize);
  t.equal(size, '28px', 'on a wall one reads it from further away');
  await page.setViewportSize({ width: 1366, height: 768 });
  await page.goto(`${platform.url}/verify#${OPENING}`);
  await page.locator('[data-verdict]').first().waitFor();
  for (const text of [STEADY.name]) mixed.push(...(await mixedIn(page, text)));
  inTheWay.push(...(await outOfReach(page, 'verify')));
  await page.goto(`${platform.url}/draft`);
  await page.locator('.draft').waitFor();
  inTheWay.push(...(await outOfReach(page, 'draft')));
  const paper = await fetch(`${platform.url}/openings/${OPENING}/record.pdf`);
  const { text } = await extractText(await getDocumentProxy(new Uint8Array(await paper.arrayBuffer())), {
    mergePages: true,
  });
  t.match(text, /金昌龙首山隧道工程有限公司\s*<100>/);
  t.strictSame(mixed, []);
});

t.test('every page was within everybody’s reach, and the keyboard was never without a place', async (t) => {
  t.strictSame(inTheWay, []);
  t.strictSame(hostHands.faults, []);
  t.strictSame(steadyHands.faults, []);
  for (const [who, visitor] of Object.entries(EVERYBODY)) {
    t.strictSame(visitor.problems, [], who);
    await visitor.close();
  }
});

t.test('the log of all this, exported, is valid', async (t) => {
  const origin = openingOrigin('kaibiao.test', OPENING);
  await until(async () => {
    await platform.pass(2_000);
    const found = await platform.db
      .sql`SELECT 1 FROM ledger_heads h JOIN logs l ON l.origin = h.origin AND l.size = h.size
      WHERE l.origin = ${origin}`;
    return found.length > 0;
  });
  const text = async (path: string) => (await (await fetch(new URL(path, platform.url))).text()).trim();
  const { ledger } = JSON.parse(await text('/platform')) as { ledger: { origin: string; vkey: string } };
  const vkey = await text(`/logs/opening/${OPENING}/vkey`);
  const to = join(platform.folder, 'export');
  await exportLog(platform.db.sql, { origin, vkey, folder: to, ledger });
  const judged = await verifySource(folderSource(to), { trust: ledger.vkey, requireAllDisclosures: true });
  t.match(judged, { ok: true });
});
