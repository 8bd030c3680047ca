/** The page before the real server, from before there is an opening to its archive: people act, a browser looks on and is cut off once. */

import { execFile } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { mkdir } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { Check } from 'typebox/schema';
import { WebSocket } from 'ws';
import { demoCreditCode, type Holder } from '../../server/cli/demo/ca.ts';
import { createOpening } from '../../server/cli/person/act.ts';
import { checkIn } from '../../server/cli/person/check-in.ts';
import { decrypt, outcomeOf } from '../../server/cli/person/decrypt.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import type { Person } from '../../server/cli/person/person.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { answerRecord } from '../../server/cli/person/record.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { parseNote } from '../../server/core/log/note.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { numberOf, type OpeningState } from '../../server/core/opening/state.ts';
import type { OpeningList } from '../../server/core/seal/opening-list.ts';
import { type Down, DownSchema } from '../../server/core/wire/down.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { command, MINUTE, OPENING, seal, startPlatform } from '../cli/person/platform.ts';
import { openBrowser } from '../support/browser.ts';
import { until } from '../support/recorder.ts';
import { LOT } from '../support/roadworks.ts';
import t from '../support/tap.ts';
import { speak, type Visitor, visit } from './visitor.ts';

// A whole opening on a busy machine.
t.setTimeout(180_000);
// Does nothing when the built pages are current.
await promisify(execFile)(process.execPath, ['web/build.mjs', '--missing']);

/** Every connection that came in: what stands of them is torn by `cut`, as a switch does that loses its power. */
const connections = new Set<Socket>();
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket };
  connections.add(socket);
  socket.once('close', () => connections.delete(socket));
});
const cut = (): void => {
  for (const socket of connections) socket.resetAndDestroy();
};

const platform = await startPlatform(t);
const browser = await openBrowser();
t.teardown(() => browser.close());
const { url, world, officials } = platform;
const { host, tenderer, witness, supervisor } = officials;
const address = { url, openingId: OPENING };

type Bid = { readonly holder: Holder; readonly amount: string; readonly list: Partial<OpeningList> };
const bid = (place: number, name: string, amount: string, manager: string): Bid => ({
  holder: { creditCode: demoCreditCode(place), organisation: name, name },
  amount,
  list: { name, manager, quality: '合格 <100>' },
});
const BIDS = [
  bid(20, '甘肃祁连路桥工程有限公司', '12680000.00', '周建国'),
  bid(21, '兰州<100>基础工程有限公司', '13020000.00', '孙 <b>丽</b>'),
  bid(22, '金昌龙首山隧道工程有限公司', '12100000.00', '陈志远'),
];
const AMOUNTS = /12,?680,?000|13,?020,?000|12,?100,?000/;

/** What a page was sent and where it asked to go on, by its own sockets. */
type Overheard = { readonly after: number[]; readonly heard: Down[] };

function overhear(page: Page): Overheard {
  const overheard: Overheard = { after: [], heard: [] };
  page.on('websocket', (socket) => {
    overheard.after.push(Number(new URL(socket.url()).searchParams.get('after')));
    socket.on('framereceived', ({ payload }) => {
      const down: unknown = JSON.parse(payload.toString());
      if (!Check(DownSchema, down)) throw new Error('not a message of the wire');
      overheard.heard.push(down);
    });
  });
  return overheard;
}

/** How many prices the page showed, each time that changed, beside the entry it had verified to by then. */
async function watchPrices(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const seen: { rows: number; head: string }[] = [];
    Object.assign(globalThis, { seenPrices: seen });
    new MutationObserver(() => {
      const rows = document.querySelectorAll('#prices tbody tr').length;
      const head = document.querySelector('.trust-head')?.textContent ?? '';
      if (rows !== (seen.at(-1)?.rows ?? 0)) seen.push({ rows, head });
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
}

const seenPrices = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { seenPrices: { rows: number; head: string }[] }).seenPrices);

let overheard: Overheard = { after: [], heard: [] };
const early: Visitor = await visit(browser, address, {
  expected: { problems: /WebSocket connection to|status of 404|ERR_INTERNET_DISCONNECTED/ },
  async before(page) {
    overheard = overhear(page);
    await watchPrices(page);
  },
});
const { page } = early;
const text = async (selector: string, of = page): Promise<string> => (await of.textContent(selector)) ?? '';
const state = (): Promise<OpeningState> => catchUp(host, OPENING, 'host');

/** Waits until a page has verified all there is; every look must agree with the server's own checkpoint. */
async function upToDate(...visitors: Visitor[]): Promise<number> {
  const { size } = await state();
  for (const visitor of visitors) await visitor.untilVerified(size - 1);
  return size;
}

/** A picture in each language, for people to look at, where a folder for them is named. */
async function picture(name: string): Promise<void> {
  const folder = process.env['SCREENSHOT_FOLDER'];
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  for (const language of ['en', 'zh-CN'] as const) {
    await speak(page, language);
    await page.screenshot({ path: join(folder, `${name}.${language}.png`), fullPage: true });
  }
}

const rootShown = async (of: Page): Promise<string> => {
  const badge = of.locator('details.trust');
  await badge.evaluate((details) => details.setAttribute('open', ''));
  const shown = await text('.trust-inside dl > div:nth-child(3) dd', of);
  await badge.evaluate((details) => details.removeAttribute('open'));
  return shown;
};

async function serverHead(): Promise<{ size: number; root: string }> {
  const note = await (await fetch(`${url}/logs/opening/${OPENING}/checkpoint`)).text();
  const { size, root } = parseCheckpoint(parseNote(note).text);
  return { size, root: toBase64(root) };
}

const typesOf = (down: Down): string[] =>
  down.kind === 'entries' ? down.entries.map((entry) => parseEntry(utf8(entry)).type) : [];

/** Whether a message says an amount, in clear or in a disclosure. */
function tellsAmount(down: Down): boolean {
  if (down.kind !== 'entries' && down.kind !== 'own') return false;
  const disclosed = Object.values(down.disclosures).flat();
  const values = disclosed.map((disclosure) => JSON.stringify(readDisclosure(disclosure).value));
  return AMOUNTS.test(JSON.stringify(down)) || values.some((value) => AMOUNTS.test(value));
}

const people: Person[] = [];

t.test('a page opened before the opening exists says so, and shows it by itself once it is there', async (t) => {
  await page.locator('.message >> text=没有这次开标').waitFor();
  t.match(await text('main'), new RegExp(OPENING));
  await picture('01-not-there');
  await createOpening(host, {
    openingId: OPENING,
    profile: 'rehearsal',
    details: {
      title: '国道312线张掖段路面改造工程 <100>',
      project: { code: 'ZYJT-2026-018', name: '国道312线张掖段路面改造工程' },
      lot: { code: LOT, name: '第一标段' },
      tenderer: '张掖市交通建设投资有限公司',
      agency: '陇原招标代理有限公司',
      place: '张掖市公共资源交易中心 开标二室',
      deadlineAt: formatInstant(world.now() + 16 * MINUTE),
    },
    policy: {
      ...PROFILES.rehearsal.defaults,
      checkInLeadMs: 12 * MINUTE,
      decryptionWindowMs: 12 * MINUTE,
      confirmationMs: 6 * MINUTE,
      archiveAfterMs: MINUTE,
      ceilingPrice: '13000000.00',
    },
    assignments: Object.entries({ host, tenderer, witness, supervisor }).map(([role, { account }]) => ({
      role,
      account,
    })),
  });
  await upToDate(early);
  t.equal(await page.locator('.message').count(), 0);
  await picture('02-draft');
  await command(host, 'host', 'PublishOpening');
  await upToDate(early);
  t.equal(await early.phase(), '待开标');
  t.equal(await text('h1'), '国道312线张掖段路面改造工程 <100>');
  await picture('03-scheduled');
});

t.test('up to the deadline nobody is seen', async (t) => {
  for (const { holder, amount, list } of BIDS) {
    const person = await platform.enter(await platform.keysOf(holder), holder.creditCode);
    people.push(person);
    await lodge(person, OPENING, { envelope: await seal(platform, person, amount, list) });
  }
  await platform.passUntil(OPENING, 'CheckIn');
  for (const person of people) await checkIn(person, OPENING);
  await upToDate(early);
  t.equal(await early.phase(), '签到');
  t.match(await text('.countdown'), /^1[0-2]:[0-9]{2}$/, 'the server’s clock, not this computer’s');
  await picture('04-check-in');
  await platform.passUntil(OPENING, 'Sealed');
  await upToDate(early);
  t.equal(await early.phase(), '截标封存');
  await picture('05-sealed');
  const sent = JSON.stringify(overheard.heard);
  for (const { holder } of BIDS) t.notOk(sent.includes(holder.creditCode) || sent.includes(holder.name));
  await command(host, 'host', 'PublishRoster');
  await upToDate(early);
  t.equal(await page.locator('#roster tbody tr').count(), BIDS.length);
  t.match(await text('#roster'), /兰州<100>基础工程有限公司/);
  await picture('06-roster');
});

t.test('cut off in the middle of the window, the page says so and goes on without a gap', async (t) => {
  const [first, second] = people as [Person, Person, Person];
  await command(host, 'host', 'OpenWindow');
  await decrypt(first, OPENING);
  t.match(await outcomeOf(first, OPENING), { outcome: 'decrypted' });
  const heldBefore = await upToDate(early);
  t.equal(await page.locator('.tile.tone-good').count(), 1);
  await picture('07-window');
  const sockets = overheard.after.length;
  // Offline alone leaves open sockets as they are.
  await page.context().setOffline(true);
  cut();
  await page.locator('.bar').waitFor();
  t.match(await text('.bar'), /连接中断/);
  t.match(await text('.bar'), /可能不是最新/);
  await picture('08-cut');
  // The platform may have written something by itself between the look and the cut.
  const heldAtCut = await early.verifiedTo();
  t.ok(heldAtCut >= heldBefore - 1);
  await decrypt(second, OPENING);
  t.match(await outcomeOf(second, OPENING), { outcome: 'decrypted' });
  t.equal(await early.verifiedTo(), heldAtCut, 'it has heard nothing of it');
  await page.context().setOffline(false);
  const size = await upToDate(early);
  t.ok(size - 1 > heldAtCut);
  t.equal(await page.locator('.bar').count(), 0);
  t.equal(await page.locator('.tile.tone-good').count(), 2);
  t.ok(
    overheard.after.slice(sockets).every((after) => after === heldAtCut),
    'asked for what it missed, no more',
  );
  await picture('09-resumed');
});

t.test('who comes late sees the same: the same root, computed from the same entries', async (t) => {
  await platform.passUntil(OPENING, 'Attribution');
  const late = await visit(browser, address, { locale: 'en-GB' });
  const size = await upToDate(early, late);
  await speak(late.page, 'en');
  t.equal(await late.phase(), 'Attribution');
  t.equal(await rootShown(late.page), await rootShown(page));
  t.strictSame(await serverHead(), { size, root: await rootShown(late.page) });
  t.equal(await late.page.locator('.feed .entry').count(), await page.locator('.feed .entry').count());
  t.equal(await late.page.locator('.tile.tone-warn').count(), 1, 'the bid that did not open awaits a ruling');
  t.strictSame(late.problems, []);
  await late.close();
  await picture('10-attribution');
});

t.test('the prices appear with PricesAnnounced, all at once, and not a digit of them before', async (t) => {
  const { bids } = await state();
  for (const { bidder } of bids.filter(({ attempts }) => attempts.length === 0)) {
    const ruling = { bidder, verdict: 'deemed_revoked', reason: '逾时未解密，经核实属投标人自身原因' };
    await command(host, 'host', 'GiveRuling', ruling);
    await command(witness, 'witness', 'GiveRuling', ruling);
  }
  await upToDate(early);
  t.strictSame(await seenPrices(page), []);
  t.notMatch(await text('body'), AMOUNTS);
  t.notOk(overheard.heard.some(tellsAmount), 'nor anything the page was sent');
  await command(host, 'host', 'AnnouncePrices');
  const size = await upToDate(early);
  t.equal(await early.phase(), '唱标');
  const [shown, ...more] = await seenPrices(page);
  t.match(shown, { rows: 2, head: new RegExp(`第 ${size - 1} 条`) });
  t.strictSame(more, []);
  const telling = overheard.heard.filter(tellsAmount);
  t.equal(telling.length, 1, 'one frame');
  t.ok(telling.every((down) => down.kind === 'entries' && typesOf(down).includes('PricesAnnounced')));
  const prices = await text('#prices');
  for (const expected of [
    /12,680,000\.00/,
    /13,020,000\.00.*超过最高投标限价/,
    /兰州<100>基础工程有限公司/,
    /孙 <b>丽<\/b>/,
  ])
    t.match(prices, expected);
  t.equal(await page.locator('#prices b').count(), 0, 'what people wrote stays text');
  t.equal(await page.locator('#prices .promise.tone-good').count(), 2, 'as promised before the deadline');
  t.notMatch(prices, /12,100,000/, 'who did not decrypt has no price');
  await picture('11-announced');
});

t.test('to the record and the archive', async (t) => {
  await command(host, 'host', 'IssueRecord', { note: '' });
  for (const [place, person] of people.entries())
    await answerRecord(person, OPENING, place === 1 ? '项目经理姓名有误' : undefined);
  await upToDate(early);
  t.match(await text('#record'), /第 1 版.*所载内容与摘要一致/s);
  t.equal(await page.locator('#record .answer.tone-good').count(), 2);
  await picture('12-record');
  const { record } = await state();
  await command(host, 'host', 'ProposeClose');
  await command(witness, 'witness', 'AttestClose', {
    version: record?.version ?? 0,
    recordSha256: record?.sha256 ?? '',
  });
  await upToDate(early);
  t.equal(await early.phase(), '开标结束');
  await picture('13-closed');
  await command(host, 'host', 'HandOver');
  await platform.passUntil(OPENING, 'Archived');
  const size = await upToDate(early);
  t.equal(await early.phase(), '归档');
  await picture('14-archived');

  t.strictSame(await serverHead(), { size, root: await rootShown(page) });
  t.match(await text('.trust-inside'), /日志已终结/);
  while ((await page.locator('.more').count()) > 0) await page.locator('.more').click();
  const numbers = await page.locator('.feed .entry-seq').allTextContents();
  t.strictSame(
    numbers,
    Array.from({ length: size }, (_, n) => String(size - 1 - n)),
    'every entry, none twice',
  );
  const sent = overheard.heard.flatMap((down) => (down.kind === 'entries' ? down.entries : []));
  t.strictSame(
    sent.map((entry) => parseEntry(utf8(entry)).seq),
    Array.from({ length: size }, (_, n) => n),
    'and none was sent twice',
  );
  await picture('15-whole-log');
});

t.test('read again in English, after a reload, by keyboard: landmarks, focus, and no problem was met', async (t) => {
  await speak(page, 'en');
  await page.reload();
  const size = await upToDate(early);
  t.equal(await early.phase(), 'Archived');
  t.equal(await page.getAttribute('html', 'lang'), 'en');
  t.match(await page.title(), /^Archived · 国道312线张掖段路面改造工程 <100>/);
  t.strictSame(await serverHead(), { size, root: await rootShown(page) });
  for (const landmark of ['main', 'nav[aria-label]', 'section[aria-label], section[aria-labelledby]'])
    t.ok((await page.locator(landmark).count()) > 0, landmark);
  t.equal(await page.locator('h1').count(), 1);
  const unnamed = await page.locator('section:not([aria-label]):not([aria-labelledby])').count();
  t.equal(unnamed, 0, 'every section has a name');
  for (let stops = 0; stops < 6; stops++) {
    await page.keyboard.press('Tab');
    const ring = await page.evaluate(() => {
      const at = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(at ?? document.body);
      return { name: `${at?.tagName} ${at?.className}`, isSeen: outlineStyle !== 'none' && outlineWidth !== '0px' };
    });
    t.ok(ring.isSeen, `the focus is seen on ${ring.name}`);
  }
  t.strictSame(early.problems, []);
});

/** Opens a socket as a program does; a refusal comes back as its status and code. */
function knock(options: {
  readonly ticket?: string;
  readonly origin?: string;
  readonly openingId?: string;
}): Promise<{ heard: Down[]; close(): void } | string> {
  const { ticket, origin, openingId = OPENING } = options;
  const protocols = [SUBPROTOCOL, ...(ticket === undefined ? [] : [`ticket.${ticket}`])];
  const socket = new WebSocket(
    `${url.replace('http', 'ws')}/openings/${openingId}/live?after=-1`,
    protocols,
    origin === undefined ? {} : { origin },
  );
  const heard: Down[] = [];
  socket.on('message', (data) => heard.push(JSON.parse(data.toString()) as Down));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ heard, close: () => socket.close() }));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (part: Buffer) => {
        body += part.toString();
      });
      response.on('end', () => resolve(`${response.statusCode} ${(JSON.parse(body) as { code: string }).code}`));
    });
  });
}

const ticketOf = async (person: Person, role: PersonRole, openingId = OPENING): Promise<string> =>
  (await person.api.askTicket(openingId, role)).ticket;

/** Fields disclosed of entries about this bidder. */
function fieldsAbout(bidder: number, heard: readonly Down[]): string[] {
  const about = new Set<string>();
  for (const down of heard)
    if (down.kind === 'entries')
      for (const entry of down.entries.map((leaf) => parseEntry(utf8(leaf))))
        if (entry.body['bidder'] === bidder) about.add(String(entry.seq));
  return heard.flatMap((down) =>
    down.kind !== 'entries' && down.kind !== 'own'
      ? []
      : Object.entries(down.disclosures).flatMap(([seq, texts]) =>
          about.has(seq) ? texts.map((disclosure) => readDisclosure(disclosure).field) : [],
        ),
  );
}

t.test('the sockets of this very server: whose page, whose ticket, whose view', async (t) => {
  const [first, second] = people as [Person, Person, Person];
  t.equal(await knock({ origin: 'https://evil.example' }), '403 origin_not_allowed');
  t.equal(await knock({}), '403 origin_missing');
  await platform.publish('zhangye-2026-002', 10 * MINUTE);
  t.equal(await knock({ ticket: await ticketOf(host, 'host', 'zhangye-2026-002') }), '401 ticket_of_other_opening');
  await t.rejects(ticketOf(first, 'witness'), { code: 'role_not_held' });
  await t.rejects(ticketOf(first, 'bidder', 'zhangye-2026-002'), { code: 'role_not_held' });

  const ticket = await ticketOf(first, 'bidder');
  const views = [
    await knock({ ticket }),
    await knock({ ticket: await ticketOf(second, 'bidder') }),
    await knock({ origin: url }),
  ];
  t.equal(await knock({ ticket }), '401 ticket_used');
  const { size } = await state();
  const sizeSeen = (heard: readonly Down[]) =>
    heard.reduce((sum, down) => sum + (down.kind === 'entries' ? down.entries.length : 0), 0);
  const [own, others, publicView] = await Promise.all(
    views.map(async (view) => {
      if (typeof view === 'string') throw new Error(view);
      await until(() => sizeSeen(view.heard) === size && view.heard.at(-1)?.kind !== 'pulse');
      view.close();
      return view.heard;
    }),
  );
  const number = numberOf(await catchUp(first, OPENING, 'bidder'), first.creditCode) ?? 0;
  t.ok(fieldsAbout(number, own ?? []).includes('act'), 'its own signed acts');
  t.notOk(fieldsAbout(number, others ?? []).includes('act'), 'and nobody else’s');
  t.notOk(fieldsAbout(number, publicView ?? []).includes('who'));
});

t.test('a supervisor’s look is on the access log before it sees anything', async (t) => {
  const accessSize = async (): Promise<number> => {
    const answer = await fetch(`${url}/logs/access/checkpoint`);
    return answer.status === 404 ? 0 : parseCheckpoint(parseNote(await answer.text()).text).size;
  };
  const before = await accessSize();
  const view = await knock({ ticket: await ticketOf(supervisor, 'supervisor') });
  if (typeof view === 'string') throw new Error(view);
  t.equal(await accessSize(), before + 1);
  await until(() => view.heard.some(({ kind }) => kind === 'entries'));
  view.close();
});

t.test('one address, a page for browsers and a glance for programs: caches must tell them apart', async (t) => {
  const ask = (accept: string) => fetch(`${url}/openings/${OPENING}`, { headers: { accept } });
  const [asPage, asData] = [await ask('text/html'), await ask('application/json')];
  t.match(asPage.headers.get('content-type'), /^text\/html/);
  t.match(asData.headers.get('content-type'), /^application\/json/);
  for (const answer of [asPage, asData]) t.match(answer.headers.get('vary'), /\baccept\b(?!-)/i);
  t.match(asPage.headers.get('content-security-policy'), /default-src 'none';.*require-trusted-types-for 'script'/);
  t.match(await asData.json(), { openingId: OPENING, phase: 'Archived', bids: BIDS.length });
});
