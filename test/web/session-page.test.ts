/** What the session's page derives before it draws anything: one chat out of several logs, and which lots there are. */

import { ApiError } from '../../server/client/transport.ts';
import type { Details } from '../../server/core/opening/details.ts';
import type { Stand } from '../../web/conduct/standing.ts';
import { ASK_AGAIN_MS } from '../../web/connection/ask-again.ts';
import type { MonitorLine, Said } from '../../web/opening/head-reports.ts';
import type { SignedCommand } from '../../web/person/seat.ts';
import { type BatchedType, batchOffers, GATHER_MS, gatheringSender } from '../../web/session/batch.ts';
import { chatOf, type LotLog, SAID_AGAIN_MS } from '../../web/session/chat.ts';
import { asLogged, type Finding, followLots } from '../../web/session/lots.ts';
import { gravestOf } from '../../web/session/monitors.ts';
import { en } from '../../web/session/words-en.ts';
import { zh } from '../../web/session/words-zh.ts';
import { reach } from '../support/opening-phases.ts';
import { bidder, host, type Script, SECOND, supervisor } from '../support/opening-script.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const lotOf = (openingId: string, script: Script): LotLog => ({
  openingId,
  entries: script.lines.map(({ entry, event }) => ({ entry, event, text: '', phase: 'Decrypting' })),
});
const toAll = (text: string) => ({ text, to: 'all' as const });
const later = (script: Script, ms: number) => script.clockTo(script.now + ms);

t.test('the messages and notices of all lots, in the order of time', async (t) => {
  const one = reach('Decrypting').fork();
  const two = reach('Decrypting').fork();
  one.go('Say', toAll('一标段先开'), host);
  later(two, SECOND).go('Say', toAll('收到'), bidder(1));
  later(one, 2 * SECOND).go('GiveNotice', { text: '十分钟后唱标' }, host);
  later(two, 2 * SECOND).go('Say', toAll('请各方注意'), supervisor);
  const chat = chatOf([lotOf('lot-1', one), lotOf('lot-2', two)]);
  t.match(chat, [
    { kind: 'message', openingIds: ['lot-1'], by: { role: 'host' }, text: '一标段先开' },
    { kind: 'message', openingIds: ['lot-2'], by: { bidder: 1 }, text: '收到' },
    { kind: 'notice', openingIds: ['lot-1'], by: { role: 'host' }, text: '十分钟后唱标' },
    { kind: 'message', openingIds: ['lot-2'], by: { role: 'supervisor' }, text: '请各方注意' },
  ]);
  t.equal(chat.length, 4);
  t.equal(new Set(chat.map(({ key }) => key)).size, 4);
});

t.test('a bidder’s own thread with the host is not said in the room', async (t) => {
  const script = reach('Decrypting').fork().go('Say', { text: '私下一问', to: 'host' }, bidder(2));
  t.strictSame(chatOf([lotOf('lot-1', script)]), []);
});

t.test('what an official says in one lot after another is shown once, with its lots', async (t) => {
  const lots = ['lot-1', 'lot-2', 'lot-3'].map((id) => {
    const script = reach('Decrypting').fork().go('Say', toAll('休息五分钟'), host);
    return { id, script };
  });
  const logs = () => lots.map(({ id, script }) => lotOf(id, script));
  t.match(chatOf(logs()), [{ text: '休息五分钟', openingIds: ['lot-1', 'lot-2', 'lot-3'] }]);
  t.equal(chatOf(logs()).length, 1);
  // the same again in the same lot is said twice
  for (const { script } of lots.slice(0, 1)) later(script, SECOND).go('Say', toAll('休息五分钟'), host);
  t.equal(chatOf(logs()).length, 2);
});

t.test('the same words much later are said again', async (t) => {
  for (const [ms, lines] of [
    [SAID_AGAIN_MS, 1],
    [SAID_AGAIN_MS + 1, 2],
  ] as const) {
    const one = reach('Decrypting').fork().go('Say', toAll('请稍候'), host);
    const two = later(reach('Decrypting').fork(), ms).go('Say', toAll('请稍候'), host);
    t.equal(chatOf([lotOf('lot-1', one), lotOf('lot-2', two)]).length, lines, `${ms} ms later`);
  }
});

t.test('what one log says at one instant stays in its order', async (t) => {
  const script = reach('Decrypting').fork();
  for (let n = 0; n < 12; n++) script.go('Say', toAll(`第 ${n} 句`), bidder(1));
  t.strictSame(
    chatOf([lotOf('lot-1', script)]).map(({ text }) => text),
    Array.from({ length: 12 }, (_, n) => `第 ${n} 句`),
  );
});

t.test('lots are called what their own logs call them, and one of another session is told', async (t) => {
  const { state } = reach('Decrypting');
  const of = (id: string | null, lot: string): Details => {
    const { session: _, ...details } = state.details;
    return { ...details, lot: { code: lot, name: lot }, ...(id !== null && { session: { id, title: `场次 ${id}` } }) };
  };
  const logs = new Map([
    ['lot-1', of('room', '真名')],
    ['lot-2', of('other', '他场')],
    ['lot-3', of(null, '单独')],
  ]);
  const lot = { code: '0', name: '平台所称' };
  const listed = {
    title: '平台所称',
    openings: ['lot-1', 'lot-2', 'lot-3', 'lot-4'].map((openingId) => ({ openingId, lot })),
  };
  const { found, foreign } = asLogged('room', listed, (openingId) => logs.get(openingId) ?? null);
  t.equal(found.title, '场次 room');
  t.strictSame(
    found.openings.map(({ lot: { name } }) => name),
    ['真名', '他场', '单独', '平台所称'],
  );
  t.strictSame([...foreign], ['lot-2', 'lot-3'], 'of what is not verified yet nothing is said');
});

t.test('bidders who say the same are two bidders', async (t) => {
  const logs = ['lot-1', 'lot-2'].map((id) => lotOf(id, reach('Decrypting').fork().go('Say', toAll('好'), bidder(1))));
  t.equal(chatOf(logs).length, 2);
});

t.test('what this viewer may not read is a line without its text', async (t) => {
  const [first] = [lotOf('lot-1', reach('Decrypting').fork().go('Say', toAll('密'), host))];
  const entries = (first?.entries ?? []).map((held) => ({
    ...held,
    event: { ...held.event, fields: { ...held.event.fields, text: { known: false } } } as typeof held.event,
  }));
  t.match(chatOf([{ openingId: 'lot-1', entries }]), [{ text: null, by: { role: 'host' } }]);
});

t.test('of each monitor the gravest word that it said of any lot', async (t) => {
  const line = (said: Said | null, address = 'a'): MonitorLine => ({ address, said });
  t.equal(gravestOf([]), null);
  t.equal(gravestOf([null, null]), null, 'nobody knows yet whom the platform names');
  t.strictSame(gravestOf([[], null]), [], 'it names nobody');
  const order = [null, 'known', 'waiting', 'unreached', 'claims', 'other'] as const;
  for (const [n, said] of order.entries())
    for (const less of order.slice(0, n + 1)) {
      t.strictSame(gravestOf([[line(less)], [line(said)]]), [line(said)], `${said} after ${less}`);
      t.strictSame(gravestOf([[line(said)], null, [line(less)]]), [line(said)], `${less} after ${said}`);
    }
  t.strictSame(gravestOf([[line('known'), line('other', 'b')], [line('waiting')]]), [
    line('waiting'),
    line('other', 'b'),
  ]);
});

const ANSWER = { title: '上午场', openings: [{ openingId: 'lot-1', lot: { code: 'L1', name: '一标段' } }] };

/** Follows the lots of a session whose server answers what the test says. */
function follow() {
  const world = steppedWorld();
  const server: { answer: () => unknown } = { answer: () => null };
  const findings: Finding[] = [];
  const stop = followLots(
    world,
    async () => server.answer(),
    (finding) => findings.push(finding),
  );
  const settle = () => new Promise((done) => setImmediate(done));
  return {
    server,
    findings,
    stop,
    settle,
    async again() {
      world.advance(ASK_AGAIN_MS);
      await settle();
    },
  };
}

t.test('a session that is published later appears by itself, and one lot more, too', async (t) => {
  const { server, findings, settle, again, stop } = follow();
  await settle();
  t.strictSame(findings, ['absent']);
  server.answer = () => ANSWER;
  await again();
  const second = { openingId: 'lot-2', lot: { code: 'L2', name: '二标段' } };
  server.answer = () => ({ ...ANSWER, openings: [...ANSWER.openings, second] });
  await again();
  t.match(findings, ['absent', { title: '上午场', openings: [{}] }, { openings: [{}, { openingId: 'lot-2' }] }]);
  stop();
  await again();
  t.equal(findings.length, 3, 'asked no more');
});

t.test('known lots stay while nobody answers, or something else does', async (t) => {
  const { server, findings, settle, again, stop } = follow();
  server.answer = () => {
    throw new TypeError('fetch failed');
  };
  await settle();
  t.strictSame(findings, ['absent'], 'asked before');
  await again();
  t.strictSame(findings, ['absent', 'silent']);
  server.answer = () => ANSWER;
  await again();
  for (const answer of [
    () => '<html>',
    () => ({ openings: 3 }),
    () => {
      throw new SyntaxError('no JSON');
    },
  ]) {
    server.answer = answer;
    await again();
  }
  t.equal(findings.length, 3);
  t.match(findings[2], ANSWER);
  stop();
});

t.test('both languages say everything, with the same places to fill', async (t) => {
  const places = (text: string) => [...text.matchAll(/\{[a-z]+\}/g)].map(([place]) => place).sort();
  t.strictSame(Object.keys(en).sort(), Object.keys(zh).sort());
  for (const [key, words] of Object.entries(zh)) t.strictSame(places(words), places(en[key as keyof typeof zh]), key);
});

const standOf = (s: Script): Stand => ({ role: 'host', state: s.state, creditCode: '', now: s.now });

t.test('an act over lots: offered where the rules allow it, and elsewhere the reason in each lot', async (t) => {
  const lots = [
    { openingId: 'a', stand: standOf(reach('Sealed')) },
    { openingId: 'b', stand: standOf(reach('RosterPublished')) },
    { openingId: 'c', stand: standOf(reach('Archived')) },
    { openingId: 'd', stand: null },
  ];
  const offers = batchOffers(lots);
  const of = (type: BatchedType) =>
    offers
      .find((one) => one.type === type)
      ?.lots.map(({ openingId, standing }) => `${openingId} ${'code' in standing ? standing.code : 'yes'}`);
  t.strictSame(of('PublishRoster'), ['a yes', 'b too_late', 'c opening_is_over', 'd role_not_allowed']);
  t.strictSame(of('OpenWindow'), ['a too_early', 'b yes', 'c opening_is_over', 'd role_not_allowed']);
  t.strictSame(of('GiveNotice')?.slice(0, 2), ['a yes', 'b yes']);
  t.equal(of('HandOver'), undefined, 'what can be done nowhere is not offered');
  t.strictSame(batchOffers([]), []);
});

t.test(
  'acts over lots go in one request; each is answered for itself, and one that is sent again goes again',
  async (t) => {
    const world = steppedWorld();
    const posts: string[][] = [];
    const answer = { entries: [], checkpoint: null, proofs: [], receipt: 'r', actId: null };
    let isAway = false;
    const send = gatheringSender(world, async (commands) => {
      posts.push(commands.map(({ openingId, id }) => `${openingId} ${id}`));
      if (isAway) throw new ApiError('unreachable', 0, 'no answer');
      return {
        answers: commands.map(({ openingId }) =>
          openingId === 'b'
            ? { openingId, accepted: null, refused: 'too_early' }
            : { openingId: openingId === 'x' ? 'y' : String(openingId), accepted: answer, refused: null },
        ),
      };
    });
    const act = (id: string): SignedCommand => ({ id, type: 'OpenWindow', data: {}, role: 'host', act: 'jws' });
    const all = Promise.allSettled([send('a', act('1')), send('b', act('2')), send('x', act('3'))]);
    t.strictSame(posts, [], 'gathered first');
    world.advance(GATHER_MS);
    const [first, second, third] = await all;
    t.strictSame(posts, [['a 1', 'b 2', 'x 3']]);
    t.strictSame(first, { status: 'fulfilled', value: answer });
    t.match(second, { status: 'rejected', reason: { code: 'too_early', words: { zh: /./ } } });
    t.match(third, { status: 'rejected', reason: { code: 'unreadable' } }, 'an answer for another lot is none');
    isAway = true;
    const lost = Promise.allSettled([send('a', act('4'))]);
    world.advance(GATHER_MS);
    t.match(await lost, [{ status: 'rejected', reason: { code: 'unreachable' } }]);
    isAway = false;
    const again = send('a', act('4'));
    world.advance(GATHER_MS);
    t.equal(await again, answer);
    t.strictSame(posts.slice(1), [['a 4'], ['a 4']]);
  },
);
