/** What only some openings have, done on the page: an opening key in shares, and a drawing with shares of bidder and witness. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createOpening } from '../../server/cli/person/act.ts';
import { decrypt } from '../../server/cli/person/decrypt.ts';
import { heldKeyAgent } from '../../server/cli/person/held-keys.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { type Policy, PROFILES } from '../../server/core/opening/policy.ts';
import { heldKey, holderOf, MINUTE, OFFICIALS, OPENING, seal, startPlatform } from '../cli/person/platform.ts';
import { openBrowser } from '../support/browser.ts';
import { roadworks } from '../support/roadworks.ts';
import t from '../support/tap.ts';
import { doAct, logIn, lookAt, makeKeyFile, openAct, writeKeyFile } from './acting.ts';
import { type Visitor, visit } from './visitor.ts';

t.setTimeout(120_000);
// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing']);

const platform = await startPlatform(t);
const browser = await openBrowser();
t.teardown(() => browser.close());
const { officials, world } = platform;
const address = { url: platform.url, openingId: OPENING };
const outOfReach: string[] = [];
const visitors: Visitor[] = [];

/** Somebody at the page, logged in with a fresh certificate of theirs. */
async function at(holder: Parameters<typeof makeKeyFile>[1], usages: readonly ('sign' | 'encrypt')[] = ['sign']) {
  const visitor = await visit(browser, address, { expected: { problems: /status of 4/ } });
  visitors.push(visitor);
  await logIn(visitor, await Promise.all(usages.map((usage) => makeKeyFile(platform, holder, usage))));
  return visitor;
}

const policy: Policy = {
  ...PROFILES.rehearsal.defaults,
  minimumBidders: 1,
  checkInLeadMs: 10 * MINUTE,
  decryptionWindowMs: 3 * MINUTE,
  remedy: { kind: 'backup', windowMs: 10 * MINUTE },
  tendererLayer: { holders: 3, threshold: 2, windowMs: 10 * MINUTE },
  draw: {
    when: 'before_decryption',
    coefficients: ['0.95', '0.96', '0.97'],
    commitMs: 3 * MINUTE,
    revealMs: 2 * MINUTE,
  },
};
await createOpening(officials.host, {
  openingId: OPENING,
  profile: 'rehearsal',
  details: roadworks(world.now() + 15 * MINUTE),
  policy,
  assignments: (['host', 'tenderer', 'witness', 'supervisor'] as const).map((role) => ({
    role,
    account: officials[role].account,
  })),
});
const bidder = await platform.bidder(0);
// this one’s key is at the page as well: with it the page unwraps
const pair = await Promise.all(
  (['sign', 'encrypt'] as const).map((usage) => platform.ca.issue({ holder: holderOf(1), usage, key: 'rsa' })),
);
const silent = await platform.enter(heldKeyAgent(pair.map(heldKey)), 'silent');
const atHost = await at(OFFICIALS.host);
const atWitness = await at(OFFICIALS.witness);
const atTenderer = await at(OFFICIALS.tenderer);
let atBidder: Visitor;

t.test('an opening key is offered, dealt and acknowledged by clicks before the opening is published', async (t) => {
  t.match(await atHost.page.textContent('.blocked [data-code=opening_key_not_dealt]'), /开标密钥/);
  for (const visitor of [atTenderer, atHost, atWitness])
    t.match(await doAct(visitor, '登记持有人公钥'), /已写入见证日志/);
  t.match(await atWitness.page.textContent('.kept-files'), /holder-key\.json/);
  t.match(await doAct(atTenderer, '生成并分发开标密钥'), /已写入见证日志/);
  for (const visitor of [atTenderer, atHost, atWitness])
    t.match(await doAct(visitor, '核对并确认份额'), /已写入见证日志/);
  await atTenderer.page.locator('#layer :text("已确认 3 / 3")').waitFor();
  await lookAt(atTenderer, 'layer-dealt', outOfReach);
});

t.test(
  'a coefficient is drawn by clicks: shares promised and shown by their givers, the result computed again',
  async (t) => {
    await doAct(atHost, '发布开标安排');
    await lodge(bidder, OPENING, { envelope: await seal(platform, bidder, '1000000.00') });
    await lodge(silent, OPENING, { envelope: await seal(platform, silent, '2000000.00') });
    await platform.passUntil(OPENING, 'Sealed');
    await doAct(atHost, '公布投标人名单');
    t.match(await atHost.page.textContent('.blocked [data-code=draw_not_done]'), /抽取/);
    await doAct(atHost, '开始抽取系数');
    atBidder = await at(holderOf(0));
    await openAct(atBidder, '提交抽取份额');
    t.match(await atBidder.page.textContent('dialog .seen-by'), /内容：所有人/);
    await lookAt(atBidder, 'share-dialog', outOfReach);
    await atBidder.page.keyboard.press('Escape');
    t.match(await doAct(atBidder, '提交抽取份额'), /已写入见证日志/);
    t.equal(await atBidder.page.locator('#mine button:text-is("提交抽取份额")').count(), 0, 'once');
    t.match(await doAct(atWitness, '提交抽取份额'), /已写入见证日志/);
    await platform.pass(3 * MINUTE);
    t.match(await doAct(atBidder, '公开抽取份额'), /已写入见证日志/);
    await lookAt(atWitness, 'drawing', outOfReach);
    t.match(await doAct(atWitness, '公开抽取份额'), /已写入见证日志/);
    const { page } = atBidder;
    await page.locator('#drawing .draw-result').waitFor();
    const { drawing } = await catchUp(officials.host, OPENING);
    t.match(await page.textContent('#drawing .draw-result'), `系数 ${drawing?.coefficient}`);
    t.match(await page.textContent('#drawing'), /每份与承诺一致，结果同为/);
    t.match(await page.textContent('.kept-files'), /draw-share-1-bidder\.json/);
    await page.click('.draw-again summary');
    await lookAt(atBidder, 'drawn', outOfReach);
  },
);

t.test('two of three holders give their shares by clicks, and the bid opens', async (t) => {
  await doAct(atHost, '开启解密时限');
  await decrypt(bidder, OPENING);
  await platform.passUntil(OPENING, 'TendererDecrypting');
  await atHost.page.locator('.now-name:text-is("持有人解密")').waitFor();
  t.match(await doAct(atTenderer, '交出份额'), /已写入见证日志/);
  await atBidder.page.locator('#layer :text("已交出 1，需要 2")').waitFor();
  await lookAt(atWitness, 'layer-giving', outOfReach);
  t.match(await doAct(atWitness, '交出份额'), /已写入见证日志/);
  await atHost.page.locator('#rulings').waitFor();
});

t.test('a bidder whose bid did not open reads why, contests the ruling, and remedies its bid by clicks', async (t) => {
  const atSilent = await visit(browser, address, { expected: { problems: /status of 4/ } });
  visitors.push(atSilent);
  await logIn(atSilent, await Promise.all(pair.map((issued, n) => writeKeyFile(platform, issued, `silent-${n}`))));
  const ruling = { verdict: 'deemed_withdrawn', reason: '网络中断，证据见日志' };
  t.match(await doAct(atHost, '认定', ruling), /已写入见证日志/);
  t.match(await doAct(atWitness, '认定', ruling), /已写入见证日志/);
  const { page } = atSilent;
  await page.locator('#rulings button').waitFor();
  t.match(await page.textContent('#rulings'), /视为撤回.*双方认定|视为撤回/s);
  await lookAt(atSilent, 'own-ruling', outOfReach);
  t.match(await doAct(atSilent, '对认定提出异议（还可 3 次）', { reason: '回执在手 <100>' }), /已写入见证日志/);
  await atHost.page.locator('#rulings :text("投标人已提出争议")').waitFor();
  await page.fill('.chat-box textarea', '请问何时补救？');
  await page.selectOption('.chat-threads select', { label: '私下问主持人' });
  await page.fill('.chat-box textarea', '请问何时补救？');
  await page.click('.chat-box button');
  await page.locator('.chat .verbatim:text-is("请问何时补救？")').waitFor();
  await openAct(atHost, '开启补救');
  t.match(await atHost.page.textContent('dialog .dialog-about'), /可补救的投标/);
  await lookAt(atHost, 'remedy-dialog', outOfReach);
  await atHost.page.keyboard.press('Escape');
  t.match(await doAct(atHost, '开启补救'), /已写入见证日志/);
  const [kept] = await silent.folder.bids(OPENING);
  const bidFile = join(platform.folder, 'silent-bid.json');
  await writeFile(bidFile, JSON.stringify(kept));
  t.match(await doAct(atSilent, '提交补救', { bidFile }), /已写入见证日志/);
  await platform.passUntil(OPENING, 'Attribution');
  await atHost.page.locator('#mine button:text-is("唱标")').waitFor();
  t.match(await doAct(atHost, '唱标'), /已写入见证日志/);
  t.match(await atBidder.page.textContent('#prices'), /1,000,000\.00.*2,000,000\.00|2,000,000\.00.*1,000,000\.00/s);
});

t.test('nothing went wrong beside it, and every view was within everybody’s reach', async (t) => {
  for (const visitor of visitors) {
    t.strictSame(visitor.problems, []);
    await visitor.close();
  }
  t.strictSame(outOfReach, []);
});
