/** Rooms over a scripted log: who sees what, without a gap, framed once, and never above what was released. */
import fc from 'fast-check';
import { openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { ed25519Verifier } from '../../server/core/log/note.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { SEATS_PER_ACCOUNT } from '../../server/live/presence.ts';
import { openRoom, type Viewer } from '../../server/live/room.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { bidderWho } from '../support/opening-people.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';
import { OPENING_ID, ORIGIN, playedOpening, SIGNER, scriptedLog } from './scripted-log.ts';
import { settle, type TestSink, testSink } from './viewers.ts';

const played = playedOpening();
const SIZE = played.lines.length;
const seqOf = (type: string): number => played.lines.findIndex(({ entry }) => entry.type === type);
const sizeAfter = (type: string): number => seqOf(type) + 1;

const anyone: Viewer = {
  openingId: OPENING_ID,
  role: 'public',
  account: null,
  sessionId: null,
  creditCode: null,
  endsAt: null,
};
const official = (role: PersonRole): Viewer => ({ ...anyone, role, account: `account of ${role}` });
const bidding = (index: number): Viewer => {
  const { account, creditCode } = bidderWho(index);
  return { ...anyone, role: 'bidder', account, creditCode };
};
/** The number the roster gave to the bidder of this index. */
const numberOfIndex = (index: number): number => {
  const { state } = played;
  if (!state.roster.known || !state.numbers.known) throw new Error('no roster');
  const row = state.roster.value.findIndex(({ creditCode }) => creditCode === bidderWho(index).creditCode);
  return state.numbers.value[row] ?? -1;
};

async function setUp(released: number, config: { flushIntervalMs?: number; outboxLimitBytes?: number } = {}) {
  const log = scriptedLog(played.lines);
  log.release(released);
  const world = steppedWorld();
  const faults: unknown[] = [];
  let holdsRole = true;
  let asked = 0;
  let isAway = false;
  const shut = new Set<string>();
  const room = await openRoom(
    {
      log: log.view,
      world,
      config: { flushIntervalMs: 20, outboxLimitBytes: 4 * 2 ** 20, ...config },
      logger: { error: (fault: unknown) => faults.push(fault) } as never,
      async whyNoSeat() {
        asked += 1;
        if (isAway) throw new Error('away');
        return holdsRole ? null : 'ticket_expired';
      },
      wasShut: (account) => shut.has(account),
    },
    ORIGIN,
  );
  if (room === null) throw new Error('no room');
  const watch = (viewer: Viewer, after = -1, isSlow = false) => {
    const sink = testSink(isSlow);
    return Object.assign(sink, { seat: room.join(viewer, after, sink) });
  };
  const release = async (size: number, ms = 20) => {
    log.release(size);
    room.hear();
    await world.advanceGently(ms);
    await settle();
  };
  const lookups = { asked: () => asked, away: (is: boolean) => (isAway = is) };
  return { log, world, room, faults, watch, release, takeRolesBack: () => (holdsRole = false), shut, lookups };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

t.test('there is no room where nothing is released', async (t) => {
  const log = scriptedLog(played.lines);
  const dependencies = {
    log: log.view,
    world: steppedWorld(),
    config: { flushIntervalMs: 20, outboxLimitBytes: 1000 },
    logger: { error() {} } as never,
    whyNoSeat: async () => null,
    wasShut: () => false,
  };
  t.equal(await openRoom(dependencies, ORIGIN), null);
  t.equal(log.reads(), 0);
});

t.test('backfill, cutover, stream: all entries once, in order, each frame proven by its own checkpoint', async (t) => {
  const { watch, release } = await setUp(4);
  const sink = watch(anyone);
  await settle();
  t.strictSame(sink.seqs(), range(0, 4));
  t.equal(sink.seat.outbox.phase(), 'stream');
  await release(7);
  await release(SIZE);
  t.strictSame(sink.seqs(), range(0, SIZE));
  const verifier = ed25519Verifier(SIGNER.key, verifyEd25519);
  let size = 0;
  for (const frame of sink.frames()) {
    size += frame.entries.length;
    const { checkpoint } = await openCheckpoint(frame.checkpoint, verifier);
    t.equal(checkpoint.size, size);
  }
});

t.test('nothing above the released head is sent, whatever stands in the store', async (t) => {
  const { watch, room, world } = await setUp(5);
  const sink = watch(official('auditor'));
  room.hear();
  await world.advanceGently(1000);
  await settle();
  t.strictSame(sink.seqs(), range(0, 5));
  t.equal(await room.page(anyone, 4, 100), null);
});

t.test('resumes after the last entry the viewer has', async (t) => {
  const { watch, release } = await setUp(10);
  const sink = watch(anyone, 6);
  await settle();
  t.strictSame(sink.seqs(), [7, 8, 9]);
  const upToDate = watch(anyone, 9);
  await settle();
  t.strictSame(upToDate.seqs(), []);
  await release(12);
  t.strictSame(upToDate.seqs(), [10, 11]);
});

t.test('a viewer ahead of the log is told to resync and gets everything', async (t) => {
  const { watch } = await setUp(6);
  const sink = watch(anyone, 6);
  await settle();
  t.strictSame(sink.messages()[0], { v: 1, kind: 'resync', after: -1 });
  t.strictSame(sink.seqs(), range(0, 6));
});

t.test('a viewer who heard of an entry by an answer waits for it and is not sent back', async (t) => {
  const { watch, log, world } = await setUp(6);
  log.release(9);
  const sink = watch(anyone, 8);
  await settle();
  t.strictSame(
    sink.messages().map(({ kind }) => kind),
    ['pulse'],
  );
  await world.advanceGently(20);
  await settle();
  t.equal(sink.seat.outbox.phase(), 'stream');
  t.strictSame(sink.seqs(), []);
  const middle = watch(anyone, 7);
  await settle();
  t.strictSame(middle.seqs(), [8]);
});

t.test('a frame is the identical object for all of one sight, and differs where sight differs', async (t) => {
  const { watch, release } = await setUp(sizeAfter('BidsSealed'));
  const crowd = [watch(anyone), watch(anyone), watch(bidding(77))];
  const officials = [watch(official('host')), watch(official('tenderer'))];
  const witnesses = [watch(official('witness')), watch(official('witness'))];
  const overseers = [watch(official('supervisor')), watch(official('auditor'))];
  await settle();
  await release(SIZE);
  const last = (sink: TestSink) => sink.written.at(-1);
  const groups = [crowd, officials, witnesses, overseers];
  for (const group of groups) for (const sink of group) t.equal(last(sink), last(group[0] as TestSink));
  t.equal(new Set(groups.map(([sink]) => last(sink as TestSink))).size, groups.length);
  t.equal(crowd[0]?.written[1], crowd[1]?.written[1], 'pages of the backfill are shared, too');
});

t.test(
  'before the roster nobody but the conducting sees more than the public, and nobody sees a lodgement',
  async (t) => {
    const { watch } = await setUp(sizeAfter('BidsSealed'));
    const sinks = [anyone, bidding(0), official('host'), official('auditor')].map((viewer) => watch(viewer));
    await settle();
    const sealed = String(seqOf('BidsSealed'));
    for (const sink of sinks) t.notOk(sink.fields()[sealed], 'lodgements and counts are withheld');
    t.strictSame(sinks[0]?.fields(), {});
    t.strictSame(sinks[1]?.fields(), {});
    t.strictSame(sinks[2]?.fields()['0'], ['assignments', 'who']);
    t.strictSame(sinks[3]?.fields()['0'], ['act', 'assignments', 'source', 'who']);
  },
);

t.test(
  'the roster releases what was sealed: in its own frame to who was there, at once to who comes later',
  async (t) => {
    const { watch, release } = await setUp(sizeAfter('BidsSealed'));
    const early = watch(anyone);
    await settle();
    await release(sizeAfter('RosterPublished'));
    const sealed = String(seqOf('BidsSealed'));
    const roster = String(seqOf('RosterPublished'));
    t.strictSame(Object.keys(early.frames().at(-1)?.disclosures ?? {}), [sealed, roster]);
    const late = watch(anyone);
    await settle();
    t.strictSame(late.fields(), early.fields());
    t.strictSame(late.fields()[sealed], ['counts', 'lodgements']);
    t.strictSame(late.fields()[roster], ['roster'], 'numbers are for participants');
  },
);

t.test('before the roster a bidder cannot tell by its frames whether another has looked', async (t) => {
  const { watch, release } = await setUp(2);
  const alone = await setUp(sizeAfter('BidsSealed'));
  const first = watch(bidding(0));
  await settle();
  for (let size = 3; size <= sizeAfter('BidsSealed'); size++) await release(size);
  t.equal(first.frames().length, 3, 'who was there got small frames');
  const [late, only] = [watch(bidding(1)), alone.watch(bidding(1))];
  await settle();
  t.equal(late.frames().length, 1);
  t.equal(late.frames().length, only.frames().length);
});

t.test('a bidder gets its own acts in a frame of its own, nobody else’s', async (t) => {
  const { watch, release } = await setUp(sizeAfter('BidsSealed'));
  const [first, second] = [watch(bidding(0)), watch(bidding(1))];
  await settle();
  await release(SIZE);
  for (const [index, sink] of [first, second].entries()) {
    const mine = played.lines
      .filter(({ entry }) => entry.body['bidder'] === numberOfIndex(index))
      .map(({ entry }) => entry.seq);
    const told = sink.own().flatMap(({ disclosures }) => Object.keys(disclosures).map(Number));
    t.ok(told.length > 0);
    t.ok(told.every((seq) => mine.includes(seq)));
    const received = mine.filter((seq) => played.lines[seq]?.entry.type === 'DecryptionReceived');
    t.strictSame(sink.fields()[String(received[0])], ['act', 'source', 'who']);
  }
  t.equal(
    first.written.filter((bytes) => second.written.includes(bytes)).length > 0,
    true,
    'the shared frame is shared',
  );
  const late = watch(bidding(0));
  await settle();
  t.strictSame(late.fields(), first.fields(), 'also to one who comes later');
});

t.test('a bidder who is not on the roster looks on like everyone', async (t) => {
  const { watch, release } = await setUp(sizeAfter('BidsSealed'));
  const [stranger, public_] = [watch(bidding(77)), watch(anyone)];
  await settle();
  await release(SIZE);
  t.strictSame(stranger.fields(), public_.fields());
  t.strictSame(stranger.own(), []);
});

t.test('no price goes out before it is announced, to anyone', async (t) => {
  const { watch, release, log } = await setUp(sizeAfter('RosterPublished'));
  const sinks = [anyone, bidding(0), official('host'), official('auditor')].map((viewer) => watch(viewer));
  await settle();
  await release(SIZE - 1);
  const prices = log.disclosures.find(({ seq, field }) => seq === SIZE - 1 && field === 'rows')?.disclosure ?? 'none';
  for (const sink of sinks) t.notOk(JSON.stringify(sink.messages()).includes(prices));
  const operator = watch(official('operator'));
  await release(SIZE);
  for (const sink of sinks) t.ok(JSON.stringify(sink.messages()).includes(prices));
  t.strictSame(operator.seqs(), range(0, SIZE));
  t.strictSame(operator.fields(), {}, 'the operator sees hashes only');
});

t.test('what commits within one interval goes out as one frame', async (t) => {
  const { watch, log, room, world } = await setUp(4);
  const sink = watch(anyone);
  await settle();
  log.release(5);
  room.hear();
  await world.advanceGently(0);
  await settle();
  t.equal(sink.frames().length, 2, 'the first after a pause goes out at once');
  for (const size of [6, 7, 9]) {
    log.release(size);
    room.hear();
    await world.advanceGently(5);
    await settle();
  }
  t.equal(sink.frames().length, 2);
  await world.advanceGently(5);
  await settle();
  t.strictSame(sink.frames().at(-1)?.entries.length, 4);
});

t.test(
  'a crowded room slows to fewer, fuller frames: no flush begins before the last is written, and a quarter as long is rested',
  async (t) => {
    const { room, log, world } = await setUp(4);
    const sinks = range(0, 3).map(() => {
      const sink = testSink();
      const write = sink.write;
      // Each viewer takes 40 ms of the process.
      sink.write = (bytes) => {
        write(bytes);
        world.advance(40);
      };
      room.join(anyone, 3, sink);
      return sink;
    });
    await settle();
    const beganAt = world.now();
    log.release(5);
    room.hear();
    world.advance(0);
    await settle();
    t.equal(world.now() - beganAt, 120, 'the first frame is written');
    for (const size of [6, 7, 8]) {
      log.release(size);
      room.hear();
      world.advance(9);
      await settle();
    }
    t.strictSame(
      sinks.map((sink) => sink.frames().length),
      [1, 1, 1],
      '27 ms later none has begun',
    );
    world.advance(3);
    await settle();
    for (const sink of sinks)
      t.strictSame(
        sink.frames().map(({ entries }) => entries.length),
        [1, 3],
      );
  },
);

t.test('the count of viewers is told only once the roster is out', async (t) => {
  const { watch, release, room } = await setUp(sizeAfter('BidsSealed'));
  watch(bidding(0));
  const sink = watch(anyone);
  await settle();
  await room.beat();
  await release(sizeAfter('RosterPublished'));
  await room.beat();
  const told = sink.messages().flatMap((down) => (down.kind === 'pulse' ? [down.viewers] : []));
  t.strictSame(told, [0, 0, 2]);
});

t.test('a socket that answers no ping is closed; one that does is not', async (t) => {
  const { watch, room } = await setUp(4);
  const [silent, alive] = [watch(anyone), watch(anyone)];
  await settle();
  for (let beat = 0; beat < 3; beat++) {
    await room.beat();
    alive.seat.hear();
  }
  t.strictSame(silent.closedFor, ['heartbeat_missed']);
  t.strictSame(alive.closedFor, []);
  t.equal(room.viewers(), 1);
});

t.test('a session that ends and a role taken back end the view', async (t) => {
  const { watch, room, world, takeRolesBack } = await setUp(4);
  const ending = watch({ ...bidding(0), endsAt: world.now() + 1000 });
  const witness = watch(official('witness'));
  await settle();
  await room.beat();
  t.strictSame([ending.closedFor, witness.closedFor], [[], []]);
  world.advance(1000);
  takeRolesBack();
  await room.beat();
  t.strictSame([ending.closedFor, witness.closedFor], [['ticket_expired'], ['ticket_expired']]);
});

t.test('an account that was shut loses its seats at once, and takes none with a ticket given before', async (t) => {
  const { watch, room, shut, takeRolesBack } = await setUp(4);
  const [mine, second, other, everybody] = [watch(bidding(0)), watch(bidding(0)), watch(bidding(1)), watch(anyone)];
  await settle();
  const account = bidding(0).account ?? '';
  shut.add(account);
  takeRolesBack();
  room.dismiss(account);
  t.strictSame(
    [mine, second, other, everybody].map(({ closedFor }) => closedFor.join()),
    ['ticket_expired', 'ticket_expired', '', ''],
  );
  const late = watch(bidding(0));
  await settle();
  t.strictSame(late.closedFor, ['ticket_expired']);
  t.strictSame(late.seqs(), [], 'not an entry was sent to it');
  t.equal(room.viewers(), 2);
});

t.test('who was opened again is let in although nobody told this room; who cannot be looked up is not', async (t) => {
  const { watch, room, shut, lookups } = await setUp(4);
  shut.add(bidding(0).account ?? '');
  const [again, other] = [watch(bidding(0)), watch(bidding(1))];
  await settle();
  t.strictSame([again.closedFor, again.seqs()], [[], range(0, 4)]);
  t.equal(lookups.asked(), 1, 'nobody else is looked up');
  lookups.away(true);
  const unknown = watch(bidding(0));
  await settle();
  t.strictSame([unknown.closedFor, unknown.seqs()], [['server_fault'], []]);
  t.strictSame(other.closedFor, []);
  t.equal(room.viewers(), 2);
});

t.test('everyone is looked up one after the other, and a bidder once more when that failed', async (t) => {
  const { watch, room, faults, takeRolesBack, lookups } = await setUp(4);
  const sinks = [0, 1, 2].map((n) => watch(bidding(n)));
  await settle();
  lookups.away(true);
  room.reviewAll();
  t.equal(lookups.asked(), 1, 'one at a time');
  await settle();
  t.equal(lookups.asked(), 1, 'the database is away: nobody else is looked up now');
  t.equal(faults.length, 1);
  lookups.away(false);
  takeRolesBack();
  await room.beat();
  t.strictSame(
    sinks.map(({ closedFor }) => closedFor),
    sinks.map(() => ['ticket_expired']),
  );
  t.equal(lookups.asked(), 4);
  room.reviewAll();
  await settle();
  t.equal(lookups.asked(), 4, 'who has gone is not looked up');
});

t.test('an account that takes too many seats loses its oldest', async (t) => {
  const { watch } = await setUp(4);
  const sinks = range(0, SEATS_PER_ACCOUNT + 1).map(() => watch(bidding(0)));
  const many = range(0, SEATS_PER_ACCOUNT + 1).map(() => watch(anyone));
  await settle();
  t.strictSame(
    sinks.map(({ closedFor }) => closedFor.join()),
    ['seat_taken', ...range(0, SEATS_PER_ACCOUNT).map(() => '')],
  );
  t.ok(many.every(({ closedFor }) => closedFor.length === 0));
});

t.test('a slow viewer is closed with outbox_full while the others go on', async (t) => {
  const { watch, release } = await setUp(4, { outboxLimitBytes: 3000 });
  const slow = watch(anyone, 3, true);
  const quick = watch(anyone, 3);
  await settle();
  for (let size = 5; size <= SIZE; size++) await release(size);
  t.strictSame(slow.closedFor, ['outbox_full']);
  t.ok(slow.seqs().length > 0);
  t.strictSame(slow.seqs(), range(4, 4 + slow.seqs().length), 'what it got has no gap: it can resume');
  t.strictSame(quick.seqs(), range(4, SIZE));
});

t.test('a database that is away is tried again at the next heartbeat, and nothing is lost', async (t) => {
  const { watch, release, log, room, world, faults } = await setUp(4);
  const sink = watch(anyone);
  await settle();
  log.break(true);
  await release(8);
  t.equal(faults.length, 1);
  const late = watch(official('auditor'));
  await settle();
  t.strictSame(late.closedFor, ['server_fault'], 'who cannot be given what it missed is told so');
  log.break(false);
  await room.beat();
  await world.advanceGently(20);
  await settle();
  t.strictSame(sink.seqs(), range(0, 8));
});

t.test('a page over HTTP shows what the socket shows', async (t) => {
  const { room, watch } = await setUp(SIZE);
  for (const viewer of [anyone, bidding(0), official('host'), official('auditor')]) {
    const sink = watch(viewer);
    await settle();
    const page = await room.page(viewer, -1, 1000);
    const fields = Object.entries(page?.disclosures ?? {}).map(([seq, texts]) => [seq, texts.length]);
    t.strictSame(
      fields,
      Object.entries(sink.fields()).map(([seq, names]) => [seq, names.length]),
      viewer.role,
    );
    t.strictSame(
      page?.entries,
      sink.frames().flatMap(({ entries }) => entries),
    );
  }
});

t.test('a page ends where a checkpoint stands and holds at least what was asked for', async (t) => {
  const { room, log, release } = await setUp(4);
  for (const size of [6, 9]) log.release(size);
  await release(SIZE);
  const sizes: number[] = [];
  for (let after = -1; ; ) {
    const page = await room.page(anyone, after, 3);
    if (page === null) break;
    t.ok(page.entries.length >= 3 || page.from + page.entries.length === SIZE);
    t.equal(page.checkpoint, log.noteAt(page.from + page.entries.length));
    after = page.from + page.entries.length - 1;
    sizes.push(after + 1);
  }
  t.strictSame(sizes, [4, 9, SIZE]);
});

t.test('a page read alone shows what a later entry released of it', async (t) => {
  const { room, log, world } = await setUp(sizeAfter('BidsSealed'));
  log.release(SIZE);
  const sealed = String(seqOf('BidsSealed'));
  // It was released before it was asked for, so it is waited for.
  const asked = room.page(anyone, seqOf('BidsSealed') - 1, 1);
  await world.advanceGently(20);
  const page = await asked;
  t.equal(page?.size, SIZE);
  t.equal(page?.entries.length, 1);
  t.equal(page?.disclosures[sealed]?.length, 2);
});

t.test('a closed room closes everyone and takes nobody in', async (t) => {
  const { room, watch } = await setUp(4);
  const sink = watch(anyone);
  room.close('server_stopping');
  const late = watch(anyone);
  await settle();
  t.strictSame([sink.closedFor, late.closedFor], [['server_stopping'], ['server_stopping']]);
});

t.test('every viewer’s sequence is dense, however appends, arrivals and slowness fall together', async () => {
  const step = fc.oneof(
    fc.record({ act: fc.constant('append' as const), by: fc.integer({ min: 1, max: 6 }) }),
    fc.record({
      act: fc.constant('watch' as const),
      after: fc.integer({ min: -1, max: SIZE }),
      isSlow: fc.boolean(),
      who: fc.nat(4),
    }),
    fc.record({ act: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ act: fc.constant('turn' as const) }),
    fc.record({ act: fc.constant('drain' as const) }),
  );
  const people = [anyone, bidding(0), bidding(1), official('host'), official('auditor')];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { watch, log, room, world } = await setUp(2);
      let released = 2;
      const watching: { sink: ReturnType<typeof watch>; from: number }[] = [];
      for (const next of steps) {
        if (next.act === 'append') {
          released = Math.min(SIZE, released + next.by);
          log.release(released);
          room.hear();
        } else if (next.act === 'watch') {
          const from = next.after >= released ? 0 : next.after + 1;
          watching.push({ sink: watch(people[next.who] ?? anyone, next.after, next.isSlow), from });
        } else if (next.act === 'pass') await world.advanceGently(next.ms);
        else if (next.act === 'turn') await settle(1);
        else for (const { sink } of watching) sink.drain();
      }
      for (let round = 0; round < 30; round++) {
        await world.advanceGently(20);
        await settle(6);
        for (const { sink } of watching) sink.drain();
      }
      for (const { sink, from } of watching)
        if (sink.seqs().join() !== range(from, released).join())
          throw new Error(`from ${from} of ${released} got ${sink.seqs().join()}`);
    }),
    { numRuns: 60 },
  );
});
