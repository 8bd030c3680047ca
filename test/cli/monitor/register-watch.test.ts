/** Register batches held against what the openings say: an honest platform fits; one that forges, hides or tells too early does not, each by its name. */
import { learnFacts, NO_FACTS, type RegisterFacts } from '../../../server/cli/monitor/register-facts.ts';
import { type RegisteredOpening, watchRegister } from '../../../server/cli/monitor/register-watch.ts';
import { type Entry, parseEntry } from '../../../server/core/log/entry.ts';
import { headBody } from '../../../server/core/log/head.ts';
import { parseInstant } from '../../../server/core/log/instant.ts';
import { batchBody, batchLeaves, batchRoot } from '../../../server/core/log/register-batch.ts';
import { revealBody } from '../../../server/core/log/register-reveal.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import { newFolder } from '../../support/folder.ts';
import type { GoldenLog } from '../../support/golden-log.ts';
import { goldenServer, idOf } from '../../support/golden-server.ts';
import { madeLedger } from '../../support/made-ledger.ts';
import { ledger, openings, WHOLE_ORIGIN, watch, whole } from '../../support/monitor-bench.ts';
import t from '../../support/tap.ts';

const LEDGER = 'kaibiao.test/ledger';
const golden = ledger.entries.map((text) => parseEntry(utf8(text)));

function factsOf(log: GoldenLog): RegisterFacts {
  return log.entries.reduce((facts, text, seq) => {
    const fields = Object.entries(log.fields[seq] ?? {});
    return learnFacts(
      facts,
      parseEntry(utf8(text)),
      Object.fromEntries(fields.map(([name, { value }]) => [name, value])),
    );
  }, NO_FACTS);
}

/** The openings of the golden ledger, as far as it goes. */
const known: readonly RegisteredOpening[] = openings.map((log) => {
  const origin = `kaibiao.test/opening/${idOf(log)}`;
  const closed = golden.find(({ body }) => body['origin'] === origin && body['kind'] === 'closed');
  return { origin, facts: factsOf(log), closedSeq: closed?.seq ?? null };
});
const first = known[0] as RegisteredOpening;
/** The batches that held acts of the first opening, by what was revealed of them. */
const busy = golden
  .flatMap(({ type, body }) => (type === 'DummiesRevealed' && (body['acts'] as unknown[]).length > 0 ? [body] : []))
  .map(({ batch }) => golden[Number(batch)])
  .filter((one) => one !== undefined && parseInstant(one.at) < (first.facts.sealedAt ?? 0)) as Entry[];
/** The others with another first one. */
const instead = (facts: Partial<RegisterFacts>): readonly RegisteredOpening[] => [
  { ...first, facts: { ...first.facts, ...facts } },
  ...known.slice(1),
];

function judge(opened: readonly RegisteredOpening[], areAll = true, entries: readonly Entry[] = golden): string[] {
  const register = watchRegister();
  for (const entry of entries) register.take(entry);
  return register.judge(opened, areAll).map(({ kind, seq }) => (seq === undefined ? kind : `${kind} ${seq}`));
}

t.test('an honest register fits, to the last act', async (t) => {
  t.strictSame(judge(known), []);
  t.match(first.facts, { isHandedOver: true, leastActs: 11, lodgedAt: { length: 4 } });
  const held = golden.flatMap(({ type, body, at }) =>
    type === 'DummiesRevealed' && parseInstant(at) < parseInstant('2026-03-02T01:00:00.000Z') ? [body['acts']] : [],
  );
  t.equal(
    (held as unknown[][]).flat().length,
    12,
    'seven receipts and withdrawals, four check-ins, and one of whoever withdrew',
  );
});

t.test('one act more than the batches held, in all or behind some instant', async (t) => {
  t.strictSame(judge(instead({ leastActs: 12 })), []);
  t.strictSame(judge(instead({ leastActs: 13 })), ['register_acts_too_few']);
  const late = (at: string) => instead({ lodgedAt: [...first.facts.lodgedAt.slice(0, -1), parseInstant(at)] });
  t.strictSame(judge(late(busy.at(-1)?.at ?? '')), [], 'the batch of then held some');
  t.strictSame(judge(late('2026-03-02T00:14:00.000Z')), ['register_acts_too_few'], 'those behind it held none');
  t.strictSame(
    judge(instead({ leastActs: null })),
    ['register_facts_withheld'],
    'who shows no counts hides what would be asked',
  );
  const running = instead({ leastActs: null, isHandedOver: false, endedAt: null });
  t.notOk(judge(running).includes('register_facts_withheld'), 'before its end they may not be public');
});

t.test('what is of an instant’s form and none says nothing', async (t) => {
  const [seq = 0, text = ''] = [...whole.entries.entries()].find(([, one]) => one.includes('"RosterPublished"')) ?? [];
  const entry = parseEntry(utf8(text));
  const roster = whole.fields[seq]?.['roster']?.value as readonly Record<string, unknown>[];
  const dates = (lodgedAt: string) =>
    learnFacts(NO_FACTS, entry, { roster: roster.map((row) => ({ ...row, lodgedAt })) });
  t.equal(dates('2026-03-02T00:00:00.000Z').lodgedAt.length, 4);
  t.equal(dates('2026-99-99T00:00:00.000Z').lodgedAt.length, 0);
});

t.test('a platform that serves every entry and not the counts or the roster', async (t) => {
  for (const [type, field] of [
    ['BidsSealed', 'counts'],
    ['RosterPublished', 'roster'],
  ] as const) {
    const [seq = ''] = [...whole.entries.entries()].find(([, one]) => one.includes(`"type":"${type}"`)) ?? [];
    const { [field]: _withheld, ...others } = whole.fields[seq] ?? {};
    const hiding = { ...whole, fields: { ...whole.fields, [seq]: others } };
    const server = await goldenServer(t, { openings: [hiding], ledger, pageEntries: 200 });
    t.strictSame((await watch(server, await newFolder(t, 'hiding'))).kinds, ['register_facts_withheld'], field);
  }
});

t.test('acts where no opening could have any', async (t) => {
  t.strictSame(
    judge(known.slice(1)),
    busy.map(({ seq }) => `register_acts_of_nobody ${seq}`),
  );
  t.strictSame(judge(known.slice(1), false), [], 'an opening that was not read may have had them');
});

t.test('a batch revealed although an opening that could have used it is not handed over, or was not yet', async (t) => {
  t.ok(judge(instead({ isHandedOver: false })).includes(`register_revealed_early ${busy[0]?.seq}`));
  const later = parseInstant('2026-03-02T00:50:00.000Z');
  t.ok(judge(instead({ endedAt: later })).includes(`register_revealed_early ${busy[0]?.seq}`));
});

t.test('no batch behind the deadline until the end', async (t) => {
  const deadlineAt = first.facts.deadlineAt ?? 0;
  const without = golden.filter(
    ({ type, at }) =>
      type !== 'RegisterBatch' || parseInstant(at) < deadlineAt || parseInstant(at) > deadlineAt + 7_200_000,
  );
  t.ok(judge(known, true, without).includes('register_batch_missing'));
  const early = without.filter(({ at }) => parseInstant(at) <= (first.facts.sealedAt ?? 0) + 600_000);
  t.notOk(judge([first], false, early).includes('register_batch_missing'), 'it may come yet');
});

const SEED = new Uint8Array(32).fill(3);
const actsOf = (count: number): Map<number, Uint8Array> =>
  new Map(Array.from({ length: count }, (_, n) => [7 * n, sha256(Uint8Array.of(n))]));
const at = (time: string): string => `2026-03-02T${time}.000Z`;
const batch = (time: string, acts: number) => ({
  type: 'RegisterBatch',
  at: at(time),
  body: batchBody(batchRoot(sha256, batchLeaves(sha256, SEED, actsOf(acts)))),
});
const reveal = (time: string, seq: number, acts: number) => ({
  type: 'DummiesRevealed',
  at: at(time),
  body: revealBody({ batch: seq, seed: SEED, acts: actsOf(acts) }),
});
const head = (time: string, kind: 'opened' | 'closed') => ({
  type: 'Head',
  at: at(time),
  body: headBody({
    kind,
    note: whole.checkpoint,
    previousSize: kind === 'opened' ? 0 : whole.entries.length,
    consistency: [],
  }),
});

t.test('a server that forges its register: the monitor finds it where everything else holds', async (t) => {
  const heads = [head('00:36:30', 'opened'), head('00:36:36', 'closed')];
  const end = batch('01:00:00', 0);
  for (const [says, made, wanted] of [
    [
      'six bids, and batches with room for them',
      [batch('00:14:59', 12), batch('00:15:10', 0), ...heads, reveal('00:37:00', 1, 12), reveal('00:37:01', 2, 0), end],
      [],
    ],
    [
      'six bids that no batch ever held',
      [batch('00:14:59', 0), batch('00:15:10', 0), ...heads, reveal('00:37:00', 1, 0), reveal('00:37:01', 2, 0), end],
      ['register_acts_too_few'],
    ],
    ['a register that was never taken', [batch('00:14:59', 12), ...heads, end], ['register_batch_missing']],
    [
      'told before the end',
      [batch('00:14:59', 12), batch('00:15:10', 0), reveal('00:20:00', 1, 12), ...heads, end],
      ['register_revealed_early'],
    ],
    [
      'acts of an opening that nobody knows',
      [batch('00:14:59', 12), batch('00:15:10', 0), ...heads, batch('00:50:00', 3), reveal('00:51:00', 5, 3), end],
      ['register_acts_of_nobody'],
    ],
  ] as const) {
    const server = await goldenServer(t, { openings: [whole], ledger: madeLedger(made), pageEntries: 200 });
    const said = await watch(server, await newFolder(t, 'forged'));
    t.strictSame(said.kinds, wanted, says);
    for (const { origin } of said.raised) t.ok([LEDGER, WHOLE_ORIGIN].includes(origin));
  }
});

t.test(
  'what has not changed is not asked again; an opening that is known later is held against old reveals',
  async (t) => {
    let asked = 0;
    const facts = Object.defineProperty({ ...first.facts }, 'lodgedAt', {
      enumerable: true,
      get() {
        asked += 1;
        return first.facts.lodgedAt;
      },
    });
    const opened = [{ ...first, facts }, ...known.slice(1)];
    const register = watchRegister();
    for (const entry of golden) register.take(entry);
    t.strictSame(register.judge(opened, true), []);
    t.ok(asked > 0);
    const before = asked;
    t.strictSame(register.judge(opened, true), []);
    t.equal(asked, before, 'nothing new');

    const later = watchRegister();
    for (const entry of golden) later.take(entry);
    t.strictSame(later.judge(known.slice(1), false), [], 'one is not read yet: nobody is accused');
    const open = instead({ isHandedOver: false, endedAt: null, registerEndsAt: null });
    t.ok(
      later
        .judge(open, false)
        .some(({ kind, origin }) => kind === 'register_revealed_early' && origin === WHOLE_ORIGIN),
    );
  },
);
