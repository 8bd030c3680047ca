/** Register batches: one entry of the same length whatever happened, and a proof for every act that anyone can check. */
import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { encodeEntry } from '../../server/core/log/entry.ts';
import { LEDGER_EVENTS } from '../../server/core/log/ledger-events.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import { BATCH_ACTS, BATCH_LEAVES, readBatch } from '../../server/core/log/register-batch.ts';
import { formatRegisterProof, readRegisterProof, verifyRegisterProof } from '../../server/core/log/register-proof.ts';
import { sha256 } from '../../server/hash.ts';
import { drawPositions } from '../../server/ledger/register-batches.ts';
import { addActs, addOpening, entriesOf, type LedgerBench, ledgerBench } from '../support/ledger.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const origin = ledgerOrigin(PLATFORM);
const keyOf = ({ signer }: LedgerBench) =>
  ed25519Verifier(parseVkey(sha256, signer.vkeyOf(origin, 'ledger')), verifyEd25519);
/** A proof as it travels: through JSON text. */
async function travel(bench: LedgerBench, actId: string) {
  const proof = await bench.ledger.proofOfAct(actId);
  return proof === null ? null : JSON.parse(JSON.stringify(formatRegisterProof(proof)));
}

t.test('0, 1, 3 and 300 acts: entries of one length, with one body each and nothing withheld', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  for (const count of [0, 1, 3, 300, 0]) {
    await addActs(bench.sql, 'a', count, 1 + count);
    await bench.ledger.takeRegister();
  }
  const entries = (await entriesOf(bench, origin)).slice(1);
  t.strictSame(
    entries.map((entry) => entry.type),
    Array(5).fill('RegisterBatch'),
  );
  t.equal(new Set(entries.map((entry) => encodeEntry(entry).length)).size, 1);
  t.equal(
    new Set(entries.map((entry) => readBatch(entry.body).toString())).size,
    5,
    'roots differ, also of empty batches',
  );
  for (const { body, commit, actor } of entries) {
    t.ok(Check(LEDGER_EVENTS.RegisterBatch.body, body));
    t.strictSame([commit, actor], [{}, { role: 'platform' }]);
  }
});

t.test('the length stays the same when the batches have had more digits than one', async (t) => {
  const bench = await ledgerBench(t);
  for (let n = 0; n < 13; n++) await bench.ledger.takeRegister();
  const lengths = (await entriesOf(bench, origin))
    .filter(({ type }) => type === 'RegisterBatch')
    .map((entry) => encodeEntry(entry).length - String(entry.seq).length);
  t.equal(new Set(lengths).size, 1, 'but for the digits of seq, which everyone knows');
});

t.test('every act of a batch is proven, to a verifier that has only the ledger’s key', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  await addOpening(bench.sql, 'b');
  const ids = [...(await addActs(bench.sql, 'a', 3)), ...(await addActs(bench.sql, 'b', 2))];
  await bench.ledger.takeRegister();
  const places = new Set<number>();
  for (const id of ids) {
    const proof = await travel(bench, id);
    const checked = await verifyRegisterProof({ sha256, proof, ledgerKey: keyOf(bench) });
    t.match(checked, { ok: true, act: { id }, entry: { type: 'RegisterBatch' } });
    places.add(proof.batch.index);
    t.equal(proof.batch.hashes.length, 12);
  }
  t.equal(places.size, ids.length);
});

t.test('a proof against a later head holds as well, and from a fresh process without the tree in memory', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const [id = ''] = await addActs(bench.sql, 'a', 1);
  for (let n = 0; n < 12; n++) await bench.ledger.takeRegister();
  const proof = await travel(bench, id);
  t.match(await verifyRegisterProof({ sha256, proof, ledgerKey: keyOf(bench) }), {
    ok: true,
    entry: { seq: 1 },
    checkpoint: { size: 13 },
  });
});

t.test('an act that no batch has taken has no proof yet; an unknown one never has', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const [id = ''] = await addActs(bench.sql, 'a', 1);
  t.equal(await bench.ledger.proofOfAct(id), null);
  t.equal(await bench.ledger.proofOfAct('nobody'), null);
  await bench.ledger.takeRegister();
  t.not(await bench.ledger.proofOfAct(id), null);
});

t.test('any change to a proof is refused', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const [id = '', other = ''] = await addActs(bench.sql, 'a', 2);
  await bench.ledger.takeRegister();
  const good = await travel(bench, id);
  const foreign = await travel(bench, other);
  const swapped: Record<string, unknown> = {
    'another act': { ...good, act: foreign.act },
    'another place': { ...good, batch: { ...good.batch, index: (good.batch.index + 1) % BATCH_LEAVES } },
    'another act’s hashes': { ...good, batch: { ...good.batch, hashes: foreign.batch.hashes } },
    'a hash too few': { ...good, batch: { ...good.batch, hashes: good.batch.hashes.slice(1) } },
    'another entry': { ...good, entry: good.entry.replace('"depth":12', '"depth":13') },
    'another batch’s number': { ...good, entry: good.entry.replace('batch-000000000000', 'batch-000000000001') },
    'no proof': { ...good, proof: '' },
    'a member more': { ...good, more: 1 },
    nothing: null,
  };
  for (const [what, proof] of Object.entries(swapped))
    t.match(await verifyRegisterProof({ sha256, proof: proof as never, ledgerKey: keyOf(bench) }), { ok: false }, what);
  const index = fc.nat(good.proof.length - 1);
  await fc.assert(
    fc.asyncProperty(index, async (at) => {
      const bent = `${good.proof.slice(0, at)}${good.proof[at] === 'A' ? 'B' : 'A'}${good.proof.slice(at + 1)}`;
      const checked = await verifyRegisterProof({ sha256, proof: { ...good, proof: bent }, ledgerKey: keyOf(bench) });
      t.equal(checked.ok, false, `character ${at}`);
    }),
    { numRuns: 40 },
  );
});

t.test('printing and reading a proof gives the same', async (t) => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.array(hash, { maxLength: 12 }), fc.string(), (act, index, hashes, entry) => {
      const proof = { act, batch: { index, hashes }, entry, proof: entry };
      t.strictSame(readRegisterProof(formatRegisterProof(proof)), proof);
    }),
    { numRuns: 50 },
  );
});

t.test('each act is taken once, also when batches are asked for at the same time', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  await addActs(bench.sql, 'a', 5);
  await Promise.all(Array.from({ length: 4 }, () => bench.ledger.takeRegister()));
  await addActs(bench.sql, 'a', 2);
  await bench.ledger.takeRegister();
  const rows = await bench.sql<{ batch: number; n: number }[]>`
    SELECT batch, count(*)::int AS n FROM register_batch_members GROUP BY batch ORDER BY batch`;
  t.equal(
    rows.reduce((sum, { n }) => sum + n, 0),
    7,
  );
  t.equal((await entriesOf(bench, origin)).filter(({ type }) => type === 'RegisterBatch').length, 5);
});

t.test('what is more than a batch holds goes into the next', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const ids = await addActs(bench.sql, 'a', BATCH_ACTS + 1, 1);
  await bench.ledger.takeRegister();
  const rows = await bench.sql<{ n: number }[]>`
    SELECT count(*)::int AS n FROM register_batch_members GROUP BY batch ORDER BY batch`;
  t.strictSame(
    rows.map(({ n }) => n),
    [BATCH_ACTS, 1],
  );
  for (const id of [ids[0], ids[BATCH_ACTS - 1], ids.at(-1)]) {
    const proof = await travel(bench, id ?? '');
    t.match(await verifyRegisterProof({ sha256, proof, ledgerKey: keyOf(bench) }), { ok: true, act: { id } });
  }
});

t.test('a batch takes as many acts as it holds', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  await addActs(bench.sql, 'a', BATCH_ACTS, 1);
  await bench.ledger.takeRegister();
  const rows = await bench.sql<{ n: number }[]>`
    SELECT count(*)::int AS n FROM register_batch_members GROUP BY batch`;
  t.strictSame([...rows], [{ n: BATCH_ACTS }]);
});

t.test('acts of an opening that was archived before the next batch are taken all the same', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  await bench.ledger.takeRegister();
  const [id = ''] = await addActs(bench.sql, 'a', 1);
  await bench.sql`UPDATE openings SET phase = 'Archived' WHERE id = 'a'`;
  await bench.ledger.takeRegister();
  t.match(await bench.ledger.proofOfAct(id), { act: String });
});

t.test('an act changed or removed after its batch is found out when its proof is asked for', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const [first = '', second = ''] = await addActs(bench.sql, 'a', 2);
  for (let n = 0; n < 10; n++) await bench.ledger.takeRegister();
  await bench.database.superuser.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    await tx`DELETE FROM register_acts WHERE id = ${first}`;
  });
  await t.rejects(bench.ledger.proofOfAct(second), { code: 'log_damaged', message: /batch 0/ });
});

t.test('places are drawn without repeating, and each place as often as another', async (t) => {
  const world = steppedWorld(0, 7);
  fc.assert(
    fc.property(fc.nat(200), (count) => {
      const places = drawPositions(world, count);
      t.equal(new Set(places).size, count);
      t.ok(places.every((place) => place >= 0 && place < BATCH_LEAVES));
    }),
    { numRuns: 20 },
  );
  t.equal(new Set(drawPositions(world, BATCH_LEAVES)).size, BATCH_LEAVES);
  // 4,000 draws into 16 parts of the batch: 250 each, with a standard deviation of 15.
  const parts = Array<number>(16).fill(0);
  for (let n = 0; n < 4000; n++) {
    const part = Math.floor((drawPositions(world, 1)[0] as number) / 256);
    parts[part] = (parts[part] as number) + 1;
  }
  t.ok(
    parts.every((n) => n > 175 && n < 325),
    parts.join(' '),
  );
});

t.test('the disclosure in a proof is the act as it was stored', async (t) => {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  const [id = ''] = await addActs(bench.sql, 'a', 1);
  await bench.ledger.takeRegister();
  const proof = await bench.ledger.proofOfAct(id);
  t.match(readDisclosure(proof?.act ?? ''), { field: 'act', value: { id } });
  t.match(bench.faults, []);
});
