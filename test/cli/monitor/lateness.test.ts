/** What is old though it grows, what was kept by a clock that ran ahead, and an end that only one of ledger and log knows. */
import { GROWTH_LIMIT_MS } from '../../../server/cli/monitor/ledger-tail.ts';
import { BEHIND_MS, LATE_SLACK_MS } from '../../../server/cli/monitor/monitor.ts';
import { openPatience, PATIENCE_MS } from '../../../server/cli/monitor/patience.ts';
import { REREAD_MS } from '../../../server/cli/monitor/watched-openings.ts';
import { type HeadKind, headBody } from '../../../server/core/log/head.ts';
import { formatInstant, parseInstant } from '../../../server/core/log/instant.ts';
import { leafHash } from '../../../server/core/log/merkle.ts';
import { batchBody } from '../../../server/core/log/register-batch.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import { keepRoots } from '../../../server/verify/roots.ts';
import { newFolder } from '../../support/folder.ts';
import { type GoldenLog, readGolden } from '../../support/golden-log.ts';
import { type MadeEntry, madeLedger } from '../../support/made-ledger.ts';
import {
  bad,
  endAt,
  openWatching,
  rootAt,
  serve,
  signed,
  WHOLE_ORIGIN,
  watch,
  whole,
} from '../../support/monitor-bench.ts';
import t from '../../support/tap.ts';
import { steppedWorld } from '../../support/world.ts';

const START_AT = parseInstant('2026-03-02T01:00:00.000Z');
/** Six of the golden ledger's periods of ten seconds, a minute, and the slack. */
const LATE_MS = 120_000 + LATE_SLACK_MS;
const batch = (at: number): MadeEntry => ({
  type: 'RegisterBatch',
  at: formatInstant(at),
  body: batchBody(new Uint8Array(32).fill(1)),
});

t.test(
  'a ledger that grows and is of an earlier time is late, to the millisecond; one that stands still is not',
  async (t) => {
    for (const [what, lateMs, kinds] of [
      ['as late as an honest one may be', LATE_MS, []],
      ['a millisecond later', LATE_MS + 1, ['ledger_late']],
      ['a day, as it was', 24 * 3_600_000, ['ledger_late']],
    ] as const) {
      const folder = await newFolder(t, 'late');
      const told: string[] = [];
      for (const n of [0, 1, 2, 3]) {
        const at = START_AT + n * (PATIENCE_MS / 2);
        const made = madeLedger(Array.from({ length: n + 1 }, (_, m) => batch(START_AT + m * (PATIENCE_MS / 2))));
        const look = await watch(await serve(t, { ledger: made, openings: 'none' }), folder, { now: at + lateMs });
        told.push(...look.kinds);
        if (n === 1) t.strictSame(told, [], `${what}: twice`);
      }
      t.strictSame(told, kinds, what);
    }
  },
);

t.test('a ledger that is handed out more slowly than it grows is late after a day', async (t) => {
  const made = madeLedger(Array.from({ length: 1_600 }, (_, n) => batch(START_AT + n)));
  for (const [shortMs, kinds] of [
    [1, []],
    [0, ['ledger_late']],
  ] as const) {
    const server = await serve(t, { ledger: made, openings: 'none' });
    let advance = (): void => undefined;
    const slowly: typeof fetch = (address, request) => {
      if (String(address).includes('/tile/entries/')) advance();
      return fetch(address, request);
    };
    const { monitor, world, raised, close } = await openWatching(server, await newFolder(t, 'slow'), {
      now: START_AT,
      ask: slowly,
    });
    advance = () => world.advance(GROWTH_LIMIT_MS / 2);
    const sizes: number[] = [];
    for (const waitMs of [0, BEHIND_MS / 2 - GROWTH_LIMIT_MS, BEHIND_MS / 2 - GROWTH_LIMIT_MS - shortMs]) {
      world.advance(waitMs);
      sizes.push((await monitor.round()).size);
    }
    t.strictSame(sizes, [512, 1_024, 1_536]);
    t.match(
      raised.map(({ kind, detail }) => [kind, detail]),
      kinds.map((kind) => [kind, 'not read to its end']),
      `${shortMs} ms too early`,
    );
    await close();
  }
});

t.test('what was kept while our clock ran ahead holds nothing up once it is right again', async (t) => {
  const years = 10 * 365 * 24 * 3_600_000;
  const folder = await newFolder(t, 'ahead');
  await watch(await serve(t), folder, { now: endAt + years });
  const later = await serve(t, { whole: bad('roster_differs--one-bidder-left-out') });
  const found = await watch(later, folder, { now: endAt + REREAD_MS });
  t.strictSame(found.kinds, ['roster_differs', 'opening_forked']);

  const ahead = await openPatience(folder, steppedWorld(endAt + years).now);
  ahead.isOver('thing');
  await ahead.save();
  const world = steppedWorld(endAt);
  const patience = await openPatience(folder, world.now);
  t.equal(patience.since('thing'), null);
  for (const isOver of [false, false, true]) {
    t.equal(patience.isOver('thing'), isOver);
    world.advance(PATIENCE_MS / 2);
  }
});

/** A ledger with two heads of that opening, the second of all of it and of this kind, and a batch long behind. */
function anchored(log: GoldenLog, kind: HeadKind): GoldenLog {
  const size = log.entries.length;
  const roots = keepRoots(sha256);
  for (const text of log.entries) roots.add(leafHash(sha256, utf8(text)));
  const head = (of: number, as: HeadKind, previousSize: number): MadeEntry => ({
    type: 'Head',
    at: '2026-03-02T00:01:00.000Z',
    body: headBody({
      kind: as,
      note: signed(WHOLE_ORIGIN, of, rootAt(log, of)),
      previousSize,
      consistency: previousSize === 0 ? [] : roots.proof(previousSize, of),
    }),
  });
  return madeLedger([head(2, 'opened', 0), head(size, kind, 2), batch(endAt + 365 * 24 * 3_600_000)]);
}

t.test('an end that only one of ledger and log knows', async (t) => {
  const kindsOf = async (log: GoldenLog, kind: HeadKind) => {
    const server = await serve(t, { ledger: anchored(log, kind), whole: log });
    return (await watch(server, await newFolder(t, 'end'), { now: endAt + 366 * 24 * 3_600_000 })).kinds;
  };
  const hidden = await kindsOf(whole, 'head');
  t.ok(hidden.includes('opening_end_differs'), 'the log ended, and the ledger never says so');
  t.ok(hidden.includes('register_batch_missing'), 'and that keeps no batch from being asked for');
  const honest = await kindsOf(whole, 'closed');
  t.notOk(honest.includes('opening_end_differs'));
  const open = await kindsOf(readGolden('still-open'), 'closed');
  t.ok(open.includes('opening_end_differs'), 'the ledger says it ended, and the log goes on');
});
