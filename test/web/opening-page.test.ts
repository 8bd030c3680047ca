/** What the opening's page derives from the state before it draws anything: steps, ends, statuses, sentences, words, checks. */

import fc from 'fast-check';
import { evidenceLines } from '../../server/cli/commands/status.ts';
import { EVENT_TYPES } from '../../server/core/opening/events.ts';
import { PHASES } from '../../server/core/opening/phases.ts';
import type { PriceRow } from '../../server/core/opening/rows.ts';
import { sha256 } from '../../server/hash.ts';
import { bidStatus, nameOf, statusCounts } from '../../web/opening/bid-status.ts';
import { currentEnd } from '../../web/opening/current-end.ts';
import { noticesOf, reasonOf } from '../../web/opening/notices.ts';
import { ownFirst } from '../../web/opening/own-first.ts';
import { phaseSteps } from '../../web/opening/phase-steps.ts';
import { checkPrice } from '../../web/opening/price-check.ts';
import { sentenceOf } from '../../web/opening/sentences.ts';
import { en } from '../../web/opening/words-en.ts';
import { zh } from '../../web/opening/words-zh.ts';
import { countdownOf, dayText, dayTimeText, spanText, timeText } from '../../web/parts/instant-text.ts';
import { fetchWords } from '../../web/parts/language.ts';
import type { HeldEntry } from '../../web/replica/replica.ts';
import { BLIND, DRAW, decryptNow, giveShares, reach, unsealNow } from '../support/opening-phases.ts';
import {
  bidder,
  clock,
  DEADLINE,
  host,
  MINUTE,
  platform,
  type Script,
  supervisor,
  witness,
} from '../support/opening-script.ts';
import t from '../support/tap.ts';
import { CAST, type Chapter, SILENT, tell, WRONG_KEY } from './story.ts';

// English comes for who reads it.
await fetchWords('en');

const chapter = (name: Chapter) => tell(name).state;
const heldOf = (script: Script): HeldEntry[] =>
  script.lines.map(({ entry, event }) => ({ entry, event, text: '', phase: 'Draft' }));

t.test('steps: done, current, next, to come', async (t) => {
  const { policy } = chapter('Decrypting');
  const steps = phaseSteps(policy, ['Draft', 'Scheduled', 'CheckIn', 'Sealed', 'RosterPublished', 'Decrypting']);
  t.strictSame(
    steps.map(({ phase, standing }) => `${phase} ${standing}`),
    [
      'Scheduled done',
      'CheckIn done',
      'Sealed done',
      'RosterPublished done',
      'Decrypting current',
      'Attribution next',
      'Announcing ahead',
      'RecordConfirm ahead',
      'Closed ahead',
      'HandedOver ahead',
      'Archived ahead',
    ],
  );
  t.ok(
    phaseSteps({ ...policy, draw: DRAW, tendererLayer: { holders: 3, threshold: 2, windowMs: 600_000 } }, [
      'Scheduled',
    ]).some(({ phase }) => phase === 'Drawing'),
    'the way follows the policy',
  );
});

t.test('steps of an opening that failed show the way it went', async (t) => {
  const { policy } = chapter('Sealed');
  const phases = (visited: Parameters<typeof phaseSteps>[1]) =>
    phaseSteps(policy, visited).map(({ phase, standing }) => `${phase} ${standing}`);
  t.strictSame(phases(['Draft', 'Scheduled', 'CheckIn', 'Sealed', 'Failed']), [
    'Scheduled done',
    'CheckIn done',
    'Sealed done',
    'Failed current',
    'Archived next',
  ]);
  t.strictSame(phases(['Draft', 'Aborted', 'Archived']), ['Aborted done', 'Archived current']);
  for (const phase of PHASES)
    t.equal(phaseSteps(policy, [phase]).filter(({ standing }) => standing === 'current').length, 1, phase);
});

t.test('the end time runs towards', async (t) => {
  t.match(currentEnd(chapter('Scheduled')), { what: 'check_in', at: DEADLINE - 120 * MINUTE, frozenMs: null });
  t.match(currentEnd(chapter('CheckIn')), { what: 'deadline', at: DEADLINE });
  t.equal(currentEnd(chapter('Sealed')), null);
  const running = chapter('Decrypting');
  t.match(currentEnd(running), { what: 'window', at: running.window?.closesAt, frozenMs: null });
  t.match(currentEnd(chapter('Record')), { what: 'confirmation' });
  t.equal(currentEnd(chapter('Archived')), null);
});

t.test('suspended, the remainder stands still', async (t) => {
  const state = chapter('Suspended');
  const end = currentEnd(state);
  t.equal(end?.frozenMs, (state.window?.closesAt ?? 0) - (state.suspended?.since ?? 0));
});

t.test('the status of each bid along the story', async (t) => {
  const statuses = (name: Chapter) => {
    const state = chapter(name);
    return state.bids.map((bid) => bidStatus(state, bid));
  };
  t.strictSame(new Set(statuses('Roster')), new Set(['sealed']));
  t.strictSame(statuses('Decrypting'), [
    'decrypted',
    'received',
    'decrypted',
    'awaited',
    'received',
    'awaited',
    'failed',
  ]);
  t.equal(statuses('Attribution')[WRONG_KEY - 1], 'unruled');
  t.equal(statuses('Announced')[SILENT - 1], 'deemed_revoked');
  t.equal(statuses('Announced')[0], 'announced');
  t.strictSame(statusCounts(chapter('Announced')), [
    { status: 'announced', count: 5 },
    { status: 'deemed_revoked', count: 2 },
  ]);
});

t.test('between the two layers a bid is its bidder’s alone, and the holders’ time is counted down', async (t) => {
  const s = reach('TendererDecrypting');
  t.strictSame(
    s.state.bids.map((bid) => bidStatus(s.state, bid)),
    ['half_open', 'half_open', 'unruled', 'unruled'],
  );
  t.match(currentEnd(s.state), { what: 'unsealing', at: s.state.layer.unsealing?.closesAt, frozenMs: null });
  const { state } = unsealNow(s);
  t.equal(bidStatus(state, state.bids[0] as never), 'decrypted');
});

t.test('in a blind window a bid is received and no more, until its holders have given the key', async (t) => {
  const s = decryptNow(reach('Decrypting', { policy: BLIND }), 1);
  t.equal(bidStatus(s.state, s.state.bids[0] as never), 'unread');
  s.clockTo(s.state.window?.closesAt ?? 0).go('CloseWindow', {}, clock);
  t.equal(bidStatus(s.state, s.state.bids[0] as never), 'unread');
  t.match(currentEnd(s.state), { what: 'unsealing' });
  giveShares(s, 1, 2);
  t.equal(bidStatus(s.state, s.state.bids[0] as never), 'received', 'now the vault looks');
  const steps = phaseSteps(s.state.policy, ['Scheduled', 'Decrypting', 'TendererDecrypting']);
  t.ok(steps.some(({ phase, standing }) => phase === 'TendererDecrypting' && standing === 'current'));
});

t.test('a bidder has a name where roster and numbers are known', async (t) => {
  const state = chapter('Announced');
  t.equal(nameOf(state, 3), CAST[0]?.name);
  t.equal(nameOf({ ...state, numbers: { known: false } }, 3), null);
  t.equal(nameOf(state, 99), null);
});

t.test('a price is held against its promise', async (t) => {
  const { prices, lodgements } = chapter('Announced');
  const rows: readonly PriceRow[] = prices?.known === true ? prices.value : [];
  t.equal(rows.length, 5);
  for (const row of rows) t.equal(checkPrice(sha256, row, lodgements), 'same', row.name);
  const [first, second] = rows;
  if (first === undefined || second === undefined) throw new Error('no rows');
  t.equal(checkPrice(sha256, first, { known: false }), 'unknown');
  t.equal(checkPrice(sha256, { ...first, quote: { ...first.quote, amount: '1.00' } }, lodgements), 'differs');
  for (const member of ['duration', 'quality', 'manager'] as const)
    t.equal(checkPrice(sha256, { ...first, [member]: '另一内容' }, lodgements), 'differs', member);
  t.equal(checkPrice(sha256, { ...first, openingList: second.openingList }, lodgements), 'differs');
  t.equal(checkPrice(sha256, { ...first, openingList: 'AAAA' }, lodgements), 'differs');
});

/** An opening in which people talk, and the host gives notice of it. */
function talk() {
  const s = reach('RosterPublished', { policy: { witnessPoints: ['roster'] } });
  s.go('Say', { text: '请问 <100> 元是否含税', to: 'all' }, bidder(1)).go('Say', { text: '请稍候', to: 'all' }, host);
  s.go('Say', { text: '签名设备异常', to: 'host' }, bidder(2)).go('Say', { text: '已安排', to: 2 }, host);
  s.go('Mute', { bidder: 1, reason: '扰乱秩序' }, host).go('Unmute', { bidder: 1 }, host);
  s.go('GiveNotice', { text: '解密将于十分钟后开始' }, host);
  s.go('AcknowledgeNotice', { notice: 1 }, bidder(1)).go('AcknowledgeNotice', { notice: 1 }, supervisor);
  s.go('AcknowledgePoint', { point: 'roster', note: '' }, witness);
  const correction = { kind: 'record_text', member: 'place', text: '3 号厅' } as const;
  s.go('CorrectEmergency', { correction, reason: '厅号写错' }, witness).go(
    'ConfirmCorrection',
    { number: 1 },
    supervisor,
  );
  return s.go('RevokeBid', { reason: '报价有误' }, bidder(3));
}

t.test('every event of the stories has a sentence in both languages', async (t) => {
  const scripts = [
    tell('Archived'),
    unsealNow(reach('TendererDecrypting')),
    reach('Failed'),
    reach('Aborted'),
    talk(),
    reach('ReviewMeeting'),
    reach('Archived')
      .go('ProposeErasure', { seq: 2, field: 'source', basis: 'ordered', reason: '裁定' }, witness)
      .go('ConfirmErasure', { number: 1 }, supervisor),
  ];
  const moved = reach('Postponed').go(
    'RescheduleOpening',
    { deadlineAt: '2026-04-01T01:00:00.000Z', place: '2 号厅' },
    host,
  );
  scripts.push(moved);
  const seen = new Set<string>();
  for (const { event } of scripts.flatMap(({ lines }) => lines)) {
    seen.add(event.type);
    for (const language of ['zh-CN', 'en'] as const) {
      const sentence = sentenceOf(event, language);
      t.ok(sentence.length > 2 && !/undefined|null|NaN|\{/.test(sentence), `${event.type}: ${sentence}`);
    }
    t.notMatch(sentenceOf(event, 'en').replace(/“.*”/, ''), /[\u4e00-\u9fff]/, 'no Chinese in an English sentence');
  }
  t.ok(seen.size > EVENT_TYPES.length / 2);
});

t.test('notices are what nobody may miss, newest first, with their reasons as written', async (t) => {
  const notices = noticesOf(heldOf(tell('Suspended')));
  t.strictSame(
    notices.map(({ event }) => event.type),
    ['OpeningSuspended', 'WindowExtended', 'WindowOpened'],
  );
  t.strictSame(notices.map(reasonOf), ['开标厅停电，启用备用电源', '一家投标人的签名设备驱动需要重装 <100>', null]);
  const failed = heldOf(reach('Failed')).find(({ event }) => event.type === 'TenderFailed');
  t.equal(failed === undefined ? '' : reasonOf(failed), null, 'a code is no reason in words');
});

t.test('both dictionaries have the same places to fill', async (t) => {
  const places = (words: string): string => (words.match(/\{[a-z]+\}/g) ?? []).sort().join();
  for (const [key, words] of Object.entries(zh)) t.equal(places(en[key as keyof typeof zh]), places(words), key);
});

t.test('times are Beijing’s, whatever the computer thinks', async (t) => {
  const at = Date.UTC(2026, 2, 2, 16, 5, 9, 999);
  t.equal(timeText(at, 'zh-CN'), '00:05:09');
  t.equal(timeText(at, 'en'), '00:05:09');
  t.equal(dayTimeText(at, 'zh-CN'), '2026/03/03 00:05:09');
  t.equal(dayTimeText(at, 'en'), '3 Mar 2026, 00:05:09');
  t.equal(dayText(at, 'zh-CN'), '2026/03/03周二');
  t.equal(dayText(at, 'en'), 'Tue, 3 Mar 2026');
});

t.test(
  'days and times are those of a calendar of China, from its last summer time to the end of the century',
  async () => {
    const fields = (at: number) => {
      const parts = new Intl.DateTimeFormat('en-US', {
        timeZone: 'Asia/Shanghai',
        hourCycle: 'h23',
        ...({ year: 'numeric', month: '2-digit', day: '2-digit', weekday: 'short' } as const),
        ...({ hour: '2-digit', minute: '2-digit', second: '2-digit' } as const),
      }).formatToParts(at);
      return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
    };
    const instants = fc.date({ min: new Date('1992-01-01T00:00:00Z'), max: new Date('2099-12-31T23:59:59Z') });
    fc.assert(
      fc.property(instants, (date) => {
        const at = date.getTime();
        const { year, month, day, weekday, hour, minute, second } = fields(at);
        const dayOf = dayText(at, 'en');
        return (
          dayTimeText(at, 'zh-CN') === `${year}/${month}/${day} ${hour}:${minute}:${second}` &&
          dayOf.startsWith(`${weekday}, ${Number(day)} `) &&
          dayOf.endsWith(` ${year}`) &&
          dayTimeText(at, 'en') === `${dayOf.slice(dayOf.indexOf(' ') + 1)}, ${timeText(at, 'en')}`
        );
      }),
      { seed: 1991, numRuns: 100, verbose: 1 },
    );
  },
);

t.test('a countdown ends exactly at its end', async (t) => {
  t.strictSame(countdownOf(-5), { days: 0, clock: '00:00' });
  t.strictSame(countdownOf(0), { days: 0, clock: '00:00' });
  t.strictSame(countdownOf(1), { days: 0, clock: '00:01' });
  t.strictSame(countdownOf(30 * MINUTE), { days: 0, clock: '30:00' });
  t.strictSame(countdownOf(3_600_000), { days: 0, clock: '01:00:00' });
  t.strictSame(countdownOf(90_061_000), { days: 1, clock: '01:01:01' });
  t.equal(spanText(0, 'en'), '0 s');
  t.equal(spanText(150_500, 'zh-CN'), '2 分 30 秒');
  t.equal(spanText(300_000, 'en'), '5 min');
});

t.test(
  'why a bid is proposed to be nobody’s or somebody’s failure is said with the proposal, in both languages',
  async (t) => {
    const s = reach('Decrypting').go(
      'RecordScan',
      { damaged: [{ bidder: 4, failure: 'stored_bytes_differ' }], atSealing: null },
      platform,
    );
    decryptNow(decryptNow(s, 1), 3, 'wrong_key');
    s.go('CloseWindow', {}, clock, { at: s.state.window?.closesAt ?? 0 });
    const said = (bidder: number, language: 'en' | 'zh-CN') => {
      const one = s.lines.find(({ event }) => event.type === 'AttributionProposed' && event.body.bidder === bidder);
      if (one === undefined) throw new Error('no proposal');
      return sentenceOf(one.event, language);
    };
    t.match(
      said(4, 'en'),
      /Evidence: damaged in the platform’s storage; no decryption was received; .*others opened; no outage$/,
    );
    t.match(said(4, 'zh-CN'), /依据：平台存储受损；未收到解密；/);
    t.match(said(3, 'en'), /Evidence: a decryption was received; .*key/);
    t.match(evidenceLines(s.state, 3), [/proposed deemed_revoked .* failures \["wrong_key"\]/]);
    t.same(evidenceLines(s.state, 1), []);
    t.same(evidenceLines(s.state, null), []);
  },
);

t.test('one’s own line stands first, and the others keep their order', async (t) => {
  const rows = [1, 2, 3].map((bidder) => ({ bidder }));
  t.strictSame(
    ownFirst(rows, 3).map((row) => row.bidder),
    [3, 1, 2],
  );
  t.equal(ownFirst(rows, null), rows, 'the public sees them as they are');
  t.equal(ownFirst(rows, 9), rows);
});
