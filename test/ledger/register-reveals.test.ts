/** Reveals of register batches: only what can harm nobody, once, in steps, and as any reader can check. */

import { ledgerOrigin } from '../../server/core/log/origin.ts';
import { readReveal } from '../../server/core/log/register-reveal.ts';
import { sha256 } from '../../server/hash.ts';
import { openLedger } from '../../server/ledger/ledger.ts';
import { REVEALS_PER_ROUND } from '../../server/ledger/register-reveals.ts';
import { watchBatches } from '../../server/verify/batches.ts';
import {
  addActs,
  addOpening,
  archiveOpening,
  BATCH_PERIOD_MS,
  entriesOf,
  HEAD_PERIOD_MS,
  type LedgerBench,
  ledgerBench,
} from '../support/ledger.ts';
import { until } from '../support/recorder.ts';
import { PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const ledger = ledgerOrigin(PLATFORM);
const setPhase = ({ sql }: LedgerBench, id: string, phase: string) =>
  sql`UPDATE openings SET phase = ${phase} WHERE id = ${id}`;

/** Reveals until nothing more may be. Returns: the numbers (from 0) of all batches revealed so far, in the ledger's order. */
async function revealAll(bench: LedgerBench): Promise<number[]> {
  while ((await bench.ledger.revealDummies()) > 0);
  return revealed(bench);
}

/** Which batches the ledger reveals, as a reader of it alone sees; every reveal holds. */
async function revealed(bench: LedgerBench): Promise<number[]> {
  const watch = watchBatches(sha256);
  const batches: number[] = [];
  const found: number[] = [];
  for (const { type, body, seq } of await entriesOf(bench, ledger)) {
    if (type === 'RegisterBatch') {
      batches.push(seq);
      t.equal(watch.takeBatch(body, seq), undefined);
    }
    if (type === 'DummiesRevealed') {
      t.equal(watch.takeReveal(body, seq), undefined);
      found.push(batches.indexOf(readReveal(body).batch));
    }
  }
  t.strictSame(watch.count(), { taken: batches.length, revealed: found.length });
  return found;
}

t.test(
  'nothing is revealed until the one opening that could have used it is archived after its hand-over',
  async (t) => {
    const bench = await ledgerBench(t);
    await addOpening(bench.sql, 'a', 'Draft');
    await bench.ledger.takeRegister();
    t.strictSame(await revealAll(bench), [0], 'a draft has no register');
    await setPhase(bench, 'a', 'Scheduled');
    await bench.ledger.takeRegister();
    await setPhase(bench, 'a', 'CheckIn');
    await addActs(bench.sql, 'a', 3);
    await bench.ledger.takeRegister();
    await setPhase(bench, 'a', 'RosterPublished');
    await bench.ledger.takeRegister();
    await bench.ledger.takeRegister();
    t.strictSame(await revealAll(bench), [0, 4], 'the one after the roster, which could have taken nothing');
    await setPhase(bench, 'a', 'HandedOver');
    t.strictSame(await revealAll(bench), [0, 4]);
    await archiveOpening(bench, 'a', 'handed_over');
    t.strictSame(await revealAll(bench), [0, 4, 1, 2, 3]);
    const entries = await entriesOf(bench, ledger);
    const counts = entries
      .filter(({ type }) => type === 'DummiesRevealed')
      .map(({ body }) => readReveal(body).acts.size);
    t.strictSame(counts, [0, 0, 0, 3, 0]);
  },
);

for (const ending of ['failed', 'aborted'] as const) {
  t.test(`what an opening that ${ending} could have used stays closed for ever, others’ acts included`, async (t) => {
    const bench = await ledgerBench(t);
    await addOpening(bench.sql, 'a');
    await bench.ledger.takeRegister();
    await addOpening(bench.sql, 'b', 'Scheduled');
    await addActs(bench.sql, 'a', 2);
    await bench.ledger.takeRegister();
    await setPhase(bench, 'b', ending === 'failed' ? 'Failed' : 'Aborted');
    await bench.ledger.takeRegister();
    await bench.ledger.takeRegister();
    await setPhase(bench, 'a', 'HandedOver');
    await bench.ledger.takeRegister();
    await archiveOpening(bench, 'a', 'handed_over');
    t.strictSame(await revealAll(bench), [0, 3, 4], 'but for b, whose register was open in 1 and 2');
    await archiveOpening(bench, 'b', ending);
    await bench.ledger.takeRegister();
    t.strictSame(await revealAll(bench), [0, 3, 4, 5], 'it is over, and they stay closed');
  });
}

t.test('whether the failed one had acts makes no difference to what is revealed', async (t) => {
  const seen: number[][] = [];
  for (const acts of [0, 1, 30]) {
    const bench = await ledgerBench(t);
    await addOpening(bench.sql, 'a');
    await addOpening(bench.sql, 'b');
    await addActs(bench.sql, 'b', acts);
    await bench.ledger.takeRegister();
    await setPhase(bench, 'b', 'Failed');
    await bench.ledger.takeRegister();
    await archiveOpening(bench, 'b', 'failed');
    await setPhase(bench, 'a', 'HandedOver');
    await bench.ledger.takeRegister();
    await archiveOpening(bench, 'a', 'handed_over');
    seen.push(await revealAll(bench));
  }
  t.strictSame(seen, [[2], [2], [2]]);
});

t.test('an opening that began and ended between two batches closes the next one, too', async (t) => {
  const bench = await ledgerBench(t);
  await bench.ledger.takeRegister();
  await addOpening(bench.sql, 'a', 'Scheduled');
  await archiveOpening(bench, 'a', 'aborted');
  await bench.ledger.takeRegister();
  await bench.ledger.takeRegister();
  t.strictSame(await revealAll(bench), [0, 2]);
});

t.test('a span lasts until its last act is in a batch', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  await bench.ledger.takeRegister();
  await addActs(bench.sql, 'a', 1024 + 1, 1);
  await setPhase(bench, 'a', 'HandedOver');
  await bench.ledger.takeRegister();
  await bench.ledger.takeRegister();
  t.match(await bench.sql`SELECT first_batch, last_batch FROM register_spans`, [{ first_batch: 0, last_batch: 2 }]);
  await archiveOpening(bench, 'a', 'handed_over');
  t.strictSame((await revealAll(bench)).sort(), [0, 1, 2, 3]);
});

t.test('a few at a time, each once, also from two at the same moment and after a restart', async (t) => {
  const bench = await ledgerBench(t);
  const count = REVEALS_PER_ROUND + 3;
  for (let n = 0; n < count; n++) await bench.ledger.takeRegister();
  const all = Array.from({ length: count }, (_, n) => n);
  t.equal(await bench.ledger.revealDummies(), REVEALS_PER_ROUND);
  t.strictSame(await revealed(bench), all.slice(0, REVEALS_PER_ROUND));
  await bench.ledger.close();
  const again = await openLedger({
    database: bench.database,
    signer: bench.signer,
    world: bench.world,
    platform: PLATFORM,
    batchPeriodMs: BATCH_PERIOD_MS,
    headPeriodMs: HEAD_PERIOD_MS,
    onFault: (error) => bench.faults.push(error),
  });
  t.teardown(() => again.close());
  await Promise.all([again.revealDummies(), again.revealDummies()]);
  t.strictSame(await revealed(bench), all);
  t.equal(await again.revealDummies(), 0);
  await again.takeRegister();
  t.equal(await again.revealDummies(), 1, 'what comes later is looked at as well');
  t.match(bench.faults, []);
});

t.test('they come by themselves, in the ledger’s rhythm', async (t) => {
  const bench = await ledgerBench(t);
  await bench.ledger.takeRegister();
  const [row] = await bench.sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${ledger}`;
  bench.world.advance(HEAD_PERIOD_MS);
  await until(async () => (bench.signer.released(ledger)?.size ?? 0) > (row?.size ?? 0));
  t.strictSame(await revealed(bench), [0]);
});

t.test('an act changed in the database is not put on the ledger for ever, but told', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const [id = ''] = await addActs(bench.sql, 'a', 2);
  await bench.ledger.takeRegister();
  await setPhase(bench, 'a', 'HandedOver');
  await bench.ledger.takeRegister();
  await archiveOpening(bench, 'a', 'handed_over');
  await bench.database.superuser.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    await tx`UPDATE register_acts SET disclosure = 'other' WHERE id = ${id}`;
  });
  await t.rejects(bench.ledger.revealDummies(), { code: 'log_damaged', message: /batch 0/ });
  t.match(bench.ledger.health().fault, /batch 0/);
  t.strictSame(await revealed(bench), []);
});

t.test('proofs of acts hold after the reveal as before', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const [id = ''] = await addActs(bench.sql, 'a', 1);
  await bench.ledger.takeRegister();
  const before = await bench.ledger.proofOfAct(id);
  await setPhase(bench, 'a', 'HandedOver');
  await bench.ledger.takeRegister();
  await archiveOpening(bench, 'a', 'handed_over');
  t.strictSame(await revealAll(bench), [0, 1]);
  t.strictSame((await bench.ledger.proofOfAct(id))?.batch, before?.batch);
});
