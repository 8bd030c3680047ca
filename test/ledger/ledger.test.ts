/** Ledger and access log as a whole: how they begin, what they keep of people, in which order, and how they stop. */
import { Check } from 'typebox/schema';
import { createDemoCa } from '../../server/cli/demo/ca.ts';
import { openDisclosures } from '../../server/core/log/disclosure.ts';
import { parseInstant } from '../../server/core/log/instant.ts';
import { ACCESS_EVENTS, LEDGER_EVENTS } from '../../server/core/log/ledger-events.ts';
import { accessOrigin, ledgerOrigin } from '../../server/core/log/origin.ts';
import { verifyLog } from '../../server/core/log/verify.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { KeyError } from '../../server/ed25519.ts';
import { sha256 } from '../../server/hash.ts';
import { openLedger } from '../../server/ledger/ledger.ts';
import { openLogWriter } from '../../server/ledger/log-writer.ts';
import { enrolAnchors, recordOperatorAct } from '../../server/ledger/trust.ts';
import { readDisclosures, readEntries } from '../../server/store/read-log.ts';
import { addActs, addOpening, BATCH_PERIOD_MS, entriesOf, type LedgerBench, ledgerBench } from '../support/ledger.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { until } from '../support/recorder.ts';
import { appendSome, begin, PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { addition } from '../support/trust.ts';
import { steppedWorld } from '../support/world.ts';

const ledger = ledgerOrigin(PLATFORM);
const access = accessOrigin(PLATFORM);
const who = { account: '91110000600037341L/1', name: '监督员', creditCode: '91110000600037341L', certSha256: 'c' };
const source = { address: '203.0.113.5', client: 'kaibiao/0.1.0' };
const author = { command: 'c-1', who, source, act: { act: 'e30.e30.AA' } };

async function verified(bench: LedgerBench, origin: string, kind: 'ledger' | 'access') {
  const released = bench.signer.released(origin);
  const size = released?.size ?? 0;
  const disclosures = await readDisclosures(bench.sql, origin, 0, size);
  return verifyLog({
    vkey: bench.signer.vkeyOf(origin, kind),
    checkpointNote: released?.note ?? '',
    entries: (await readEntries(bench.sql, origin, 0, size)).map(({ bytes }) => bytes),
    disclosuresFor: (seq) => disclosures.filter((d) => d.seq === seq).map((d) => d.disclosure),
    requireAllDisclosures: true,
    sha256,
    verifyEd25519,
  });
}

/** The values of an entry's withheld fields. */
async function opened(bench: LedgerBench, origin: string, seq: number) {
  const [entry] = (await entriesOf(bench, origin)).slice(seq);
  const texts = (await readDisclosures(bench.sql, origin, seq, seq + 1)).map(({ disclosure }) => disclosure);
  const read = openDisclosures(sha256, entry?.commit ?? {}, texts);
  return read.ok
    ? Object.fromEntries(Object.entries(read.fields).map(([k, v]) => [k, v.known ? v.value : null]))
    : null;
}

t.test('both logs begin by saying whose they are; the ledger lists the platform’s keys', async (t) => {
  const bench = await ledgerBench(t);
  const [genesis] = await entriesOf(bench, ledger);
  t.ok(Check(LEDGER_EVENTS.LedgerOpened.body, genesis?.body));
  t.match(genesis?.body, {
    formatVersion: 1,
    platform: PLATFORM,
    batchDepth: 12,
    batchPeriodMs: BATCH_PERIOD_MS,
    keys: [
      { use: 'openings', publicKey: Buffer.from(bench.signer.publicKeys.openings).toString('base64') },
      { use: 'ledger', publicKey: Buffer.from(bench.signer.publicKeys.ledger).toString('base64') },
      { use: 'receipts', publicKey: Buffer.from(bench.signer.publicKeys.receipts).toString('base64') },
    ],
  });
  const [first] = await entriesOf(bench, access);
  t.equal(first?.type, 'AccessLogOpened');
  t.ok(Check(ACCESS_EVENTS.AccessLogOpened.body, first?.body));
});

t.test('opened again they go on where they were', async (t) => {
  const bench = await ledgerBench(t);
  await bench.ledger.takeRegister();
  await bench.ledger.close();
  const again = await openLedger({
    database: bench.database,
    signer: bench.signer,
    world: steppedWorld(),
    platform: PLATFORM,
    batchPeriodMs: BATCH_PERIOD_MS,
    headPeriodMs: 1000,
    onFault: (error) => t.fail(String(error)),
  });
  await again.takeRegister();
  t.strictSame(
    (await entriesOf(bench, ledger)).map(({ type }) => type),
    ['LedgerOpened', 'RegisterBatch', 'RegisterBatch'],
  );
  await again.close();
});

t.test('a read by an official is on the log, let out, before it may be answered', async (t) => {
  const bench = await ledgerBench(t);
  const seq = await bench.ledger.recordAccess({ who, source, openingId: 'a', what: 'roster', seqs: [4, 5] });
  t.ok((bench.signer.released(access)?.size ?? 0) > seq);
  const [row] = await bench.sql`SELECT count(*)::int AS n FROM entries WHERE origin = ${access} AND seq = ${seq}`;
  t.equal(row?.['n'], 1);
  const entry = (await entriesOf(bench, access))[seq];
  t.strictSame(entry?.body, {}, 'nothing in clear, not even which opening');
  t.strictSame(Object.keys(entry?.commit ?? {}).sort(), [...ACCESS_EVENTS.Accessed.withheld].sort());
  t.strictSame(await opened(bench, access, seq), {
    who,
    source,
    access: { openingId: 'a', what: 'roster', seqs: [4, 5] },
  });
});

t.test('a read that cannot be recorded fails, so that it cannot be answered', async (t) => {
  const bench = await ledgerBench(t);
  await bench.database.superuser`REVOKE INSERT ON entries FROM kaibiao_app`;
  const read = bench.ledger.recordAccess({ who, source, openingId: null, what: 'accounts' });
  await t.rejects(read, { code: '42501' });
  await bench.database.superuser`GRANT INSERT ON entries TO kaibiao_app`;
  t.equal(await bench.ledger.recordAccess({ who, source, openingId: null, what: 'accounts' }), 1);
});

t.test('a hundred reads at once are each recorded once, in a few commits', async (t) => {
  const bench = await ledgerBench(t);
  const reads = Array.from({ length: 100 }, (_, n) => ({ who, source, openingId: `o${n}`, what: 'roster' }));
  const seqs = await Promise.all(reads.map((read) => bench.ledger.recordAccess(read)));
  t.equal(new Set(seqs).size, 100);
  const commits = await bench.sql`SELECT 1 FROM checkpoints WHERE origin = ${access}`;
  t.ok(commits.length < 20, `${commits.length} commits`);
  for (const n of [0, 50, 99])
    t.match(await opened(bench, access, seqs[n] as number), { access: { openingId: `o${n}` } });
  t.match(await verified(bench, access, 'access'), { ok: true, size: 101 });
});

t.test('keys, trust anchors and operators’ acts are on the ledger, persons withheld', async (t) => {
  const bench = await ledgerBench(t);
  const { writer } = bench.ledger;
  const certificates = await Promise.all(
    ['One', 'Two', 'Three'].map(async (name) => {
      const [certificate] = parsePem((await createDemoCa({ name, at: bench.world.now(), key: 'p256' })).rootPem);
      if (certificate === undefined) throw new Error('no root');
      return certificate;
    }),
  );
  const [one, two, three] = certificates.map((certificate) =>
    addition(certificate, { fromAt: certificate.notBeforeAt }),
  );
  if (one === undefined || two === undefined || three === undefined) throw new Error('no changes');
  const seqs = [await recordOperatorAct(writer, author, { did: 'restored the database' })];
  await enrolAnchors(writer, [one, two]);
  await t.rejects(
    enrolAnchors(writer, [three, one]),
    /anchor_exists/,
    'one that does not fit takes the others with it',
  );
  const kept = await bench.sql<{ seq: number; change: string }[]>`SELECT seq, change FROM trust_changes ORDER BY seq`;
  const entries = await entriesOf(bench, ledger);
  const enrolled = entries.filter(({ type }) => type === 'TrustChanged');
  t.strictSame(
    enrolled.map(({ seq, body }) => ({ seq, change: body['change'] })),
    kept.map(({ seq, change }) => ({ seq, change: JSON.parse(change) as unknown })),
  );
  t.strictSame(
    enrolled.map(({ body }) => [body['proposal'], body['from']]),
    [one, two].map(({ from }) => [null, from]),
  );
  t.ok(enrolled.every(({ body }) => Check(LEDGER_EVENTS.TrustChanged.body, body)));
  t.match(await opened(bench, ledger, enrolled[0]?.seq ?? -1), { who: null, source: null, act: null });
  for (const [n, type] of (['OperatorActed'] as const).entries()) {
    const entry = entries[seqs[n] as number];
    t.equal(entry?.type, type);
    t.strictSame(entry?.actor, { role: 'operator' });
    t.ok(Check(LEDGER_EVENTS[type].body, entry?.body), type);
    t.strictSame(Object.keys(entry?.commit ?? {}).sort(), [...LEDGER_EVENTS[type].withheld].sort());
    t.match(await opened(bench, ledger, seqs[n] as number), { who, source, act: author.act });
  }
});

t.test('with everything going on at once both logs verify, times in order', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const origin = `${PLATFORM}/opening/a`;
  await begin(bench.sql, origin);
  const busy = Array.from({ length: 6 }, async (_, n) => {
    await addActs(bench.sql, `a${n}`, 2);
    await appendSome(bench.sql, bench.signer, origin, 2);
    bench.world.advance(7);
    await Promise.all([
      bench.ledger.takeRegister(),
      bench.ledger.takeHeads(),
      recordOperatorAct(bench.ledger.writer, { ...author, command: `c-${n}` }, null),
    ]);
  });
  await Promise.all(busy);
  t.match(await verified(bench, ledger, 'ledger'), { ok: true, withheld: 0 });
  t.match(await verified(bench, access, 'access'), { ok: true });
  t.strictSame(bench.faults, []);
});

t.test('an entry is never dated before the one in front, though the clock was set back', async (t) => {
  const bench = await ledgerBench(t);
  bench.world.advance(60_000);
  await bench.ledger.takeRegister();
  const early = await openLogWriter(
    { sql: bench.sql, signer: bench.signer, world: steppedWorld(bench.world.now() - 3_600_000) },
    { origin: ledger, kind: 'ledger', genesis: { type: 'X', role: 'platform', command: 'x', body: {}, withheld: {} } },
  );
  for (let n = 0; n < 2; n++) await recordOperatorAct(early, author, n);
  const times = (await entriesOf(bench, ledger)).map(({ at }) => parseInstant(at));
  t.strictSame(
    times,
    [...times].sort((a, b) => a - b),
  );
  t.equal(times.at(-1), times.at(-2));
});

t.test('one job that fails takes no other with it', async (t) => {
  const bench = await ledgerBench(t);
  const { writer } = bench.ledger;
  const bad = () =>
    writer.write(async () => ({
      drafts: [{ type: 'no event name', role: 'platform', command: 'x', body: {}, withheld: {} }],
      answer: null,
    }));
  const jobs = [recordOperatorAct(writer, author, 1), bad(), recordOperatorAct(writer, author, 2), bad()];
  const results = await Promise.allSettled(jobs);
  t.strictSame(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  );
  t.equal((await entriesOf(bench, ledger)).length, 3);
});

t.test('a group that is committed is not written again, whatever fails behind its COMMIT or hides it', async (t) => {
  const lost = () => Object.assign(new Error('the line was cut'), { code: 'CONNECTION_CLOSED' });
  const cases = ['stored', 'answered', 'signed', 'undone'] as const;
  for (const fails of cases) {
    const bench = await ledgerBench(t);
    /** What fails, so many times. */
    let left = 0;
    const once = (what: typeof fails): boolean => fails === what && left > 0 && left-- > 0;
    const sql = new Proxy(bench.sql, {
      apply(target, self, args: unknown[]) {
        const isStoring = Array.isArray(args[0]) && args[0].join('').includes('INSERT INTO checkpoints');
        if (isStoring && once('stored')) return Promise.reject(lost());
        return Reflect.apply(target as unknown as (...all: unknown[]) => unknown, self, args);
      },
      get(target, name): unknown {
        if (name !== 'begin') return Reflect.get(target, name);
        return async (work: Parameters<typeof target.begin>[1]) => {
          const done = await target.begin(async (tx) => {
            const made = await work(tx);
            if (once('undone')) throw lost();
            return made;
          });
          if (once('answered')) throw lost();
          return done;
        };
      },
    });
    const signer: typeof bench.signer = {
      ...bench.signer,
      release: async (...head) => {
        await bench.signer.release(...head);
        if (once('signed')) throw new KeyError('key_command_failed', 'the token said nothing');
        return bench.signer.release(...head);
      },
      settle: async (...of) => {
        if (once('signed')) throw new KeyError('key_command_failed', 'the token says nothing still');
        return bench.signer.settle(...of);
      },
    };
    const genesis = { type: 'X', role: 'platform', command: 'x', body: {}, withheld: {} } as const;
    const writer = await openLogWriter(
      { sql, signer, world: bench.world },
      { origin: ledger, kind: 'ledger', genesis },
    );
    const sizeOf = async () =>
      (await bench.sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${ledger}`)[0]?.size;
    const before = await sizeOf();
    // While it is under way the two behind it gather into one group.
    const inFront = writer.write(async () => ({ drafts: [], answer: null }));
    const group = [1, 2].map((n) => recordOperatorAct(writer, { ...author, command: `c-${n}` }, n));
    await inFront;
    left = fails === 'signed' ? 2 : 1;
    const results = await Promise.allSettled(group);
    t.equal(left, 0, 'it befell the group');
    const [first] = results;
    const isRejected = fails === 'signed' || fails === 'undone';
    t.ok(
      results.every(({ status }) => status === (isRejected ? 'rejected' : 'fulfilled')),
      fails,
    );
    if (first?.status === 'rejected')
      t.match(first.reason, { code: fails === 'signed' ? 'outcome_unknown' : 'CONNECTION_CLOSED' });
    t.equal(await sizeOf(), (before ?? 0) + (fails === 'undone' ? 0 : 2), 'each stands once, or none');
    await recordOperatorAct(writer, { ...author, command: 'c-3' }, 3);
    t.equal(bench.signer.released(ledger)?.size, await sizeOf(), 'and the next lets it out with itself');
    t.match(await verified(bench, ledger, 'ledger'), { ok: true });
  }
});

t.test('batches come in their rhythm, whether or not anyone acted', async (t) => {
  const bench = await ledgerBench(t);
  for (let n = 1; n <= 3; n++) {
    await bench.world.advanceGently(BATCH_PERIOD_MS);
    // Announced is not yet done: the alarm of the next period is set when the round is over.
    await until(() => bench.ledger.health().batchTakenAt === bench.world.now());
  }
  t.equal((await entriesOf(bench, ledger)).filter(({ type }) => type === 'RegisterBatch').length, 3);
});

t.test('health says when, and what the last round failed with; a good one clears it', async (t) => {
  const bench = await ledgerBench(t);
  t.strictSame(bench.ledger.health(), { batchTakenAt: null, headsTakenAt: null, fault: null });
  await bench.database.superuser`REVOKE INSERT ON register_batches FROM kaibiao_app`;
  await t.rejects(bench.ledger.takeRegister(), { code: '42501' });
  t.match(bench.ledger.health().fault, /permission denied/);
  await bench.database.superuser`GRANT INSERT ON register_batches TO kaibiao_app`;
  await bench.ledger.takeRegister();
  t.strictSame(bench.ledger.health(), { batchTakenAt: bench.world.now(), headsTakenAt: null, fault: null });
});

t.test('closing waits for what is under way, and takes no more', async (t) => {
  const bench = await ledgerBench(t);
  const underWay = bench.ledger.takeRegister();
  await bench.ledger.close();
  await underWay;
  await t.rejects(bench.ledger.takeRegister(), /closed/);
  await t.rejects(bench.ledger.recordAccess({ who, source, openingId: null, what: 'x' }), /closed/);
  t.equal(bench.world.alarms(), 0);
});
