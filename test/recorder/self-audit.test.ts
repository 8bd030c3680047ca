/** The self-audit against somebody with every right in the database: each change is found, and nothing else is. */
import { encodeEntry, parseEntry } from '../../server/core/log/entry.ts';
import { appendLeaves, EMPTY_RANGE, leafHash } from '../../server/core/log/merkle.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { sha256 } from '../../server/hash.ts';
import { commit } from '../../server/recorder/commit.ts';
import {
  type Finding,
  type FindingCode,
  LETTING_OUT_LIMIT_MS,
  startSelfAudit,
} from '../../server/recorder/self-audit.ts';
import type { Signer } from '../../server/recorder/signer.ts';
import { appendEntries, lockHead } from '../../server/store/append.ts';
import type { Sql, TransactionSql } from '../../server/store/driver.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import { appendSome, begin, entryAt, PLATFORM, testSigner } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const origin = openingOrigin(PLATFORM, 'a');
const SIZE = 200;

let database: TestDatabase;
let signer: Signer;
t.before(async () => {
  database = await testDb(t);
  signer = await testSigner(t);
  await begin(database.sql, origin);
  await appendSome(database.sql, signer, origin, SIZE);
});

function audit(entriesPerTick = 1000, sql: Sql = database.sql) {
  const world = steppedWorld();
  const told: Finding[] = [];
  const faults: unknown[] = [];
  const started = startSelfAudit({
    sql,
    signer,
    world,
    periodMs: 5000,
    entriesPerTick,
    onFinding: (finding) => told.push(finding),
    onFault: (error) => faults.push(error),
  });
  return { ...started, world, told, faults };
}

/** Reads until a round is over. */
async function round(a: ReturnType<typeof audit>): Promise<readonly Finding[]> {
  const before = a.progress().rounds;
  for (let n = 0; a.progress().rounds === before; n++) {
    if (n > 100) throw new Error('the round does not end');
    await a.tick();
  }
  return a.findings();
}

/** Changes the database past every trigger, looks, and puts it back. */
async function tamper(act: (tx: TransactionSql) => Promise<unknown>): Promise<readonly Finding[]> {
  const undone = new Error('undo');
  let findings: readonly Finding[] = [];
  await database.superuser
    .begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`;
      await act(tx);
      // Read through the tamperer's own transaction: what it has done is not committed.
      findings = await round(audit(1000, tx as unknown as Sql));
      throw undone;
    })
    .catch((error: unknown) => {
      if (error !== undone) throw error;
    });
  return findings;
}

t.test('an untouched database gives nothing to find, round after round', async (t) => {
  const a = audit();
  t.strictSame(await round(a), []);
  t.strictSame(await round(a), []);
  t.match(a.progress(), { rounds: 2, roundEndedAt: a.world.now() });
  await a.stop();
});

t.test('a tick reads no more than it may, and the next goes on there', async (t) => {
  const seen: number[] = [];
  const counting = new Proxy(database.sql, {
    apply(target, self, args: [TemplateStringsArray, ...unknown[]]) {
      if (args[0].join('').includes('leaf_hash')) seen.push((args[3] as number) - (args[2] as number));
      return Reflect.apply(target, self, args);
    },
  });
  const a = audit(50, counting);
  await a.tick();
  t.strictSame(seen, [49], 'one of fifty is what beginning a log costs');
  t.equal(a.progress().rounds, 0);
  await round(a);
  t.equal(
    seen.reduce((sum, n) => sum + n, 0),
    SIZE,
  );
  t.ok(seen.every((n) => n <= 50));
  await a.stop();
});

const changes: {
  what: string;
  act: (tx: TransactionSql) => Promise<unknown>;
  code: FindingCode;
  seq: number | null;
}[] = [
  {
    what: 'one byte of an entry',
    act: (tx) => tx`UPDATE entries SET bytes = set_byte(bytes, 30, get_byte(bytes, 30) # 1) WHERE seq = 77`,
    code: 'leaf_hash_differs',
    seq: 77,
  },
  {
    what: 'an entry and its hash together, in proper form',
    act: (tx) => {
      const bytes = encodeEntry({ ...parseEntry(entryAt(origin, 77).bytes), body: { n: 78 } });
      return tx`UPDATE entries SET bytes = ${bytes}, leaf_hash = ${leafHash(sha256, bytes)} WHERE seq = 77`;
    },
    code: 'node_differs',
    seq: null,
  },
  {
    what: 'an entry with every hash above it put right, but for the signed root',
    act: async (tx) => {
      const bytes = encodeEntry({ ...parseEntry(entryAt(origin, 77).bytes), body: { n: 78 } });
      await tx`UPDATE entries SET bytes = ${bytes}, leaf_hash = ${leafHash(sha256, bytes)} WHERE seq = 77`;
      await tx`DELETE FROM nodes`;
      const rows = await tx<{ hash: Uint8Array }[]>`SELECT leaf_hash AS hash FROM entries ORDER BY seq`;
      const nodes: Record<string, unknown>[] = [];
      appendLeaves(
        sha256,
        EMPTY_RANGE,
        rows.map(({ hash }) => hash),
        ({ level, index }, hash) => level > 0 && nodes.push({ origin, level, index, hash }),
      );
      await tx`INSERT INTO nodes ${tx(nodes)}`;
    },
    code: 'root_differs',
    seq: null,
  },
  { what: 'a removed entry', act: (tx) => tx`DELETE FROM entries WHERE seq = 0`, code: 'entry_missing', seq: 0 },
  {
    what: 'the last entries removed',
    act: (tx) => tx`DELETE FROM entries WHERE seq >= 190`,
    code: 'entry_missing',
    seq: 190,
  },
  {
    what: 'two entries swapped with their hashes',
    act: async (tx) => {
      for (const [from, to] of [
        [10, 5000],
        [11, 10],
        [5000, 11],
      ] as const) {
        await tx`UPDATE entries SET seq = ${to} WHERE seq = ${from}`;
        await tx`UPDATE disclosures SET seq = ${to} WHERE seq = ${from}`;
      }
    },
    code: 'node_differs',
    seq: null,
  },
  {
    what: 'a stored leaf hash',
    act: (tx) => tx`UPDATE entries SET leaf_hash = ${new Uint8Array(32)} WHERE seq = 199`,
    code: 'leaf_hash_differs',
    seq: 199,
  },
  {
    what: 'a stored subtree',
    act: (tx) => tx`UPDATE nodes SET hash = ${new Uint8Array(32)} WHERE level = 7 AND index = 0`,
    code: 'node_differs',
    seq: null,
  },
  {
    what: 'a removed subtree',
    act: (tx) => tx`DELETE FROM nodes WHERE level = 1 AND index = 99`,
    code: 'node_differs',
    seq: null,
  },
  {
    what: 'another disclosure',
    act: (tx) =>
      tx`UPDATE disclosures SET disclosure = ${entryAt(origin, 6).disclosures[0]?.disclosure ?? ''} WHERE seq = 5`,
    code: 'disclosure_differs',
    seq: 5,
  },
  {
    what: 'a removed disclosure',
    act: (tx) => tx`DELETE FROM disclosures WHERE seq = 150`,
    code: 'disclosure_missing',
    seq: 150,
  },
  {
    what: 'a head put back',
    act: (tx) => tx`UPDATE logs SET size = 128, frontier = ${new Uint8Array(32)}`,
    code: 'head_differs',
    seq: null,
  },
  {
    what: 'another root',
    act: (tx) => tx`UPDATE logs SET root = ${new Uint8Array(32)}`,
    code: 'head_differs',
    seq: null,
  },
  {
    what: 'another checkpoint',
    act: (tx) => tx`UPDATE checkpoints SET note = note || 'x'`,
    code: 'checkpoint_differs',
    seq: null,
  },
  { what: 'a removed log', act: (tx) => tx`DELETE FROM logs`, code: 'log_missing', seq: null },
  {
    what: 'an entry that is no JSON, with its hash',
    act: (tx) =>
      tx`UPDATE entries SET bytes = ${Uint8Array.of(33)}, leaf_hash = ${leafHash(sha256, Uint8Array.of(33))} WHERE seq = 3`,
    code: 'leaf_hash_differs',
    seq: 3,
  },
];

for (const { what, act, code, seq } of changes)
  t.test(`found: ${what}`, async (t) => {
    t.match(await tamper(act), [{ origin, code, seq }]);
  });

t.test(
  'a byte, a deletion, a swap and a stored hash, behind where it is reading: told before the next round is over',
  async (t) => {
    const own = await testDb(t);
    const ownSigner = await testSigner(t);
    const [byte, deletion, swap, hash] = ['byte', 'deletion', 'swap', 'hash'].map((id) => openingOrigin(PLATFORM, id));
    const logs = [byte, deletion, swap, hash] as string[];
    const [entries, perTick] = [60, 20];
    for (const log of logs) {
      await begin(own.sql, log);
      await appendSome(own.sql, ownSigner, log, entries);
    }
    const told: Finding[] = [];
    const a = startSelfAudit({
      sql: own.sql,
      signer: ownSigner,
      world: steppedWorld(),
      periodMs: 5000,
      entriesPerTick: perTick,
      onFinding: (finding) => told.push(finding),
      onFault: (error) => t.fail(String(error)),
    });
    // To begin a log costs as much as an entry.
    const ticksOfRound = Math.ceil((logs.length * (entries + 1)) / perTick) + 1;
    for (let n = 1; n < ticksOfRound - 1; n++) await a.tick();
    t.equal(a.progress().rounds, 0, 'nearly all is read');
    await own.superuser.begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`;
      await tx`UPDATE entries SET bytes = set_byte(bytes, 30, get_byte(bytes, 30) # 1) WHERE origin = ${byte ?? ''} AND seq = 7`;
      await tx`DELETE FROM entries WHERE origin = ${deletion ?? ''} AND seq = 7`;
      for (const [from, to] of [
        [7, 5000],
        [8, 7],
        [5000, 8],
      ] as const) {
        await tx`UPDATE entries SET seq = ${to} WHERE origin = ${swap ?? ''} AND seq = ${from}`;
        await tx`UPDATE disclosures SET seq = ${to} WHERE origin = ${swap ?? ''} AND seq = ${from}`;
      }
      await tx`UPDATE entries SET leaf_hash = ${new Uint8Array(32)} WHERE origin = ${hash ?? ''} AND seq = 7`;
    });
    for (let n = 0; n < 2 + ticksOfRound; n++) await a.tick();
    t.match(
      told.toSorted((x, y) => logs.indexOf(x.origin) - logs.indexOf(y.origin)),
      [
        { origin: byte, code: 'leaf_hash_differs', seq: 7 },
        { origin: deletion, code: 'entry_missing', seq: 7 },
        { origin: swap, code: 'node_differs' },
        { origin: hash, code: 'leaf_hash_differs', seq: 7 },
      ],
    );
    t.equal(told.length, logs.length);
    await a.stop();
  },
);

t.test('what is erased while it is being read is no finding, and what is missing behind that still is', async (t) => {
  const own = await testDb(t);
  const ownSigner = await testSigner(t);
  const log = openingOrigin(PLATFORM, 'erased');
  await begin(own.sql, log);
  await appendSome(own.sql, ownSigner, log, 60);
  const told: Finding[] = [];
  const a = startSelfAudit({
    sql: own.sql,
    signer: ownSigner,
    world: steppedWorld(),
    periodMs: 5000,
    entriesPerTick: 20,
    onFinding: (finding) => told.push(finding),
    onFault: (error) => t.fail(String(error)),
  });
  await a.tick();
  const take = (seq: number) => own.superuser`DELETE FROM disclosures WHERE origin = ${log} AND seq = ${seq}`;
  await take(50);
  const [first] = await own.sql<{ bytes: Uint8Array }[]>`SELECT bytes FROM entries WHERE origin = ${log} AND seq = 0`;
  t.ok(first, 'the log is being read');
  await commit({ sql: own.sql, signer: ownSigner }, [log], async (tx) => {
    const head = await lockHead(tx, log);
    const entry = entryAt(log, head.size, { seq: 50, field: 'who' });
    const text = new TextDecoder().decode(entry.bytes).replace('"NoticePosted"', '"Erased"');
    const appended = await appendEntries(tx, head, [{ ...entry, bytes: new TextEncoder().encode(text) }], ownSigner);
    return { appended: [appended], answer: null };
  });
  while (a.progress().rounds < 1) await a.tick();
  t.strictSame(told, [], 'read once more under the head that says so');
  await take(40);
  const { rounds } = a.progress();
  while (a.progress().rounds < rounds + 2) await a.tick();
  t.match(told, [{ origin: log, code: 'disclosure_missing', seq: 40 }]);
  await a.stop();
});

t.test('what is erased by a head that is still being let out is no finding, unless that never ends', async (t) => {
  const own = await testDb(t);
  const ownSigner = await testSigner(t);
  const log = openingOrigin(PLATFORM, 'erasing');
  await begin(own.sql, log);
  await appendSome(own.sql, ownSigner, log, 60);
  const told: Finding[] = [];
  const world = steppedWorld();
  const a = startSelfAudit({
    sql: own.sql,
    signer: ownSigner,
    world,
    periodMs: 3_600_000,
    entriesPerTick: 100,
    onFinding: (finding) => told.push(finding),
    onFault: (error) => t.fail(String(error)),
  });
  const reads: number[] = [];
  const readsWhileItIsSigned: Signer = {
    ...ownSigner,
    async release(...head) {
      for (const wait of [0, LETTING_OUT_LIMIT_MS - 1]) {
        world.advance(wait);
        await a.tick();
        reads.push(told.length);
      }
      return ownSigner.release(...head);
    },
  };
  const erase = async (signer: Signer, seq: number): Promise<void> => {
    await commit({ sql: own.sql, signer }, [log], async (tx) => {
      const head = await lockHead(tx, log);
      const entry = entryAt(log, head.size, { seq, field: 'who' });
      const text = new TextDecoder().decode(entry.bytes).replace('"NoticePosted"', '"Erased"');
      await own.superuser`DELETE FROM disclosures WHERE origin = ${log} AND seq = ${seq}`;
      const appended = await appendEntries(tx, head, [{ ...entry, bytes: new TextEncoder().encode(text) }], signer);
      return { appended: [appended], answer: null };
    });
  };
  await erase(readsWhileItIsSigned, 50);
  t.strictSame(reads, [0, 0], 'committed, not yet signed: it waits');
  await round({ ...a, world, told, faults: [] });
  t.strictSame(told, [], 'and then it is said by the log');

  // Somebody owns the database: a disclosure taken away, and a head that is never let out put before it.
  await own.superuser.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    await tx`DELETE FROM disclosures WHERE origin = ${log} AND seq = 40`;
    await tx`UPDATE logs SET size = size + 1 WHERE origin = ${log}`;
  });
  await a.tick();
  world.advance(LETTING_OUT_LIMIT_MS - 1);
  await a.tick();
  t.strictSame(told, []);
  world.advance(1);
  await a.tick();
  t.match(told, [{ origin: log, code: 'disclosure_missing', seq: 40 }]);
  await a.stop();
});

t.test('a finding is told once, and other logs are read all the same', async (t) => {
  const own = await testDb(t);
  const ownSigner = await testSigner(t);
  const logs = ['x', 'y', 'z'].map((id) => openingOrigin(PLATFORM, id));
  for (const log of logs) {
    await begin(own.sql, log);
    await appendSome(own.sql, ownSigner, log, 5);
  }
  await own.superuser.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    await tx`DELETE FROM entries WHERE seq = 2 AND origin <> ${logs[1] ?? ''}`;
  });
  const told: Finding[] = [];
  const a = startSelfAudit({
    sql: own.sql,
    signer: ownSigner,
    world: steppedWorld(),
    periodMs: 5000,
    entriesPerTick: 1000,
    onFinding: (finding) => told.push(finding),
    onFault: (error) => t.fail(String(error)),
  });
  await a.tick();
  await a.tick();
  t.strictSame(
    told.map((finding) => finding.origin),
    [logs[0], logs[2]],
  );
  t.equal(a.progress().rounds, 2);
  await a.stop();
});

t.test(
  'a log that grows while it is read is held against the head it had, and against the new one next time',
  async (t) => {
    const own = await testDb(t);
    const ownSigner = await testSigner(t);
    await begin(own.sql, origin);
    await appendSome(own.sql, ownSigner, origin, 100);
    const a = startSelfAudit({
      sql: own.sql,
      signer: ownSigner,
      world: steppedWorld(),
      periodMs: 5000,
      entriesPerTick: 40,
      onFinding: (finding) => t.fail(finding.detail),
      onFault: (error) => t.fail(String(error)),
    });
    for (let n = 0; n < 12; n++) {
      await a.tick();
      await appendSome(own.sql, ownSigner, origin, 3);
    }
    t.ok(a.progress().rounds >= 2);
    await a.stop();
  },
);

t.test('in its rhythm, one tick at a time; a database that is away is a fault, no finding', async (t) => {
  const own = await testDb(t);
  const world = steppedWorld();
  const faults: unknown[] = [];
  let told: () => void = () => undefined;
  const failed = new Promise<void>((resolve) => {
    told = resolve;
  });
  const a = startSelfAudit({
    sql: own.sql,
    signer,
    world,
    periodMs: 5000,
    entriesPerTick: 10,
    onFinding: (finding) => t.fail(finding.detail),
    onFault: (error) => {
      faults.push(error);
      told();
    },
  });
  await own.superuser`REVOKE SELECT ON logs FROM kaibiao_app`;
  await world.advanceGently(5000);
  await failed;
  t.match(faults, [{ code: '42501' }]);
  await a.stop();
  t.equal(world.alarms(), 0);
});
