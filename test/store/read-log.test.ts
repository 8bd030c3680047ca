/** Reading a log back: every width of every tile, proofs against every head, and what is missing named as a fault. */
import fc from 'fast-check';
import { fromBase64 } from '../../server/core/log/base64.ts';
import {
  inclusionNodes,
  leafHash,
  readFromLeaves,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../../server/core/log/merkle.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { parseProof, verifyProof } from '../../server/core/log/proof.ts';
import { encodeBundle, encodeHashTile, parseBundle, parseTilePath, tilesOf } from '../../server/core/log/tile.ts';
import { sha256 } from '../../server/hash.ts';
import {
  consistencyOf,
  proofOf,
  proofsOf,
  readCheckpoint,
  readDisclosures,
  readEntries,
  readNodes,
  readTile,
  streamEntries,
} from '../../server/store/read-log.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { appendSome, begin, entryAt, PLATFORM, testSigner } from '../support/signed-log.ts';
import t from '../support/tap.ts';

const origin = openingOrigin(PLATFORM, 'read');
const SIZE = 600;

let database: TestDatabase;
let signer: Awaited<ReturnType<typeof testSigner>>;
const bytes = Array.from({ length: SIZE }, (_, seq) => entryAt(origin, seq).bytes);
const leaves = bytes.map((entry) => leafHash(sha256, entry));

t.before(async () => {
  database = await testDb(t);
  signer = await testSigner(t);
  await begin(database.sql, origin);
  for (const count of [1, 2, 4, 249, 1, 255, 88]) await appendSome(database.sql, signer, origin, count);
});

t.test('entries come back byte for byte, in order', async (t) => {
  const read = await readEntries(database.sql, origin, 250, 260);
  t.strictSame(
    read,
    bytes.slice(250, 260).map((entry, n) => ({ seq: 250 + n, bytes: entry })),
  );
  t.strictSame(await readEntries(database.sql, origin, 5, 5), []);
});

t.test('a stream gives the same, whatever the span', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.nat(SIZE), fc.nat(SIZE), async (a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const seqs: number[] = [];
      for await (const { seq } of streamEntries(database.sql, origin, from, to)) seqs.push(seq);
      t.equal(seqs.length, to - from);
      t.ok(seqs.every((seq, n) => seq === from + n));
    }),
    { numRuns: 12 },
  );
});

t.test('disclosures come by entry', async (t) => {
  const read = await readDisclosures(database.sql, origin, 3, 5);
  t.strictSame(
    read,
    [3, 4].map((seq) => ({ seq, field: 'who', disclosure: entryAt(origin, seq).disclosures[0]?.disclosure })),
  );
});

t.test('checkpoints stand at the sizes that appends ended at, and nowhere else', async (t) => {
  t.equal(await readCheckpoint(database.sql, origin, SIZE), signer.released(origin)?.note);
  t.match(await readCheckpoint(database.sql, origin, 7), new RegExp(`^${origin}\n7\n`));
  t.equal(await readCheckpoint(database.sql, origin, 8), null);
  t.equal(await readCheckpoint(database.sql, 'none', 7), null);
});

t.test('stored subtrees are the hashes of their leaves', async (t) => {
  const fromLeaves = readFromLeaves(sha256, leaves);
  const nodes = Array.from({ length: 10 }, (_, level) => level).flatMap((level) =>
    Array.from({ length: Math.floor(SIZE / 2 ** level) }, (_, index) => ({ level, index })),
  );
  const read = await readNodes(database.sql, origin, nodes);
  for (const { level, index } of nodes) t.strictSame(read(level, index), fromLeaves(level, index));
  t.throws(() => read(0, SIZE), /not asked for/);
});

t.test('every tile of hashes, and every partial width of the last ones', async (t) => {
  const { sql } = database;
  for (const tile of tilesOf(SIZE)) {
    const full = await readTile(sql, origin, tile, SIZE);
    for (const width of [1, 2, Math.ceil(tile.width / 2), tile.width]) {
      const part = await readTile(sql, origin, { ...tile, width }, SIZE);
      t.strictSame(part, full?.slice(0, width * 32));
    }
  }
  const first = await readTile(sql, origin, parseTilePath('tile/0/000'), SIZE);
  t.strictSame(first, encodeHashTile(leaves.slice(0, 256)));
  const level1 = await readTile(sql, origin, parseTilePath('tile/1/000.p/2'), SIZE);
  t.strictSame(level1, encodeHashTile([rootOf(sha256, leaves.slice(0, 256)), rootOf(sha256, leaves.slice(256, 512))]));
});

t.test('every third width of a bundle of entries', async (t) => {
  for (let width = 1; width <= SIZE - 512; width += 3) {
    const bundle = await readTile(database.sql, origin, { kind: 'entries', index: 2, width }, SIZE);
    t.strictSame(bundle, encodeBundle(bytes.slice(512, 512 + width)));
  }
  const full = await readTile(database.sql, origin, parseTilePath('tile/entries/001'), SIZE);
  t.strictSame(parseBundle(full ?? new Uint8Array(), 256), bytes.slice(256, 512));
});

t.test('a tile that the released head does not hold is not there, though the rows are', async (t) => {
  for (const path of [
    'tile/0/002.p/89',
    'tile/entries/002.p/89',
    'tile/0/003.p/1',
    'tile/1/000.p/3',
    'tile/2/000.p/1',
  ]) {
    t.equal(await readTile(database.sql, origin, parseTilePath(path), SIZE), null, path);
  }
  t.equal(await readTile(database.sql, origin, parseTilePath('tile/0/000.p/8'), 7), null);
  t.not(await readTile(database.sql, origin, parseTilePath('tile/0/000.p/7'), 7), null);
});

t.test('an inclusion proof holds for any entry under any checkpoint above it', async (t) => {
  const { sql } = database;
  const key = ed25519Verifier(parseVkey(sha256, signer.vkeyOf(origin, 'opening')), verifyEd25519);
  for (const size of [1, 3, 7, 256, 257, 512, SIZE]) {
    const checkpoint = (await readCheckpoint(sql, origin, size)) ?? '';
    const seqs = [...new Set([0, Math.floor(size / 3), size - 1])];
    const proofs = await proofsOf(sql, origin, seqs, size, checkpoint);
    for (const [n, seq] of seqs.entries()) {
      const leaf = leaves[seq] as Uint8Array;
      const proof = proofs[n] as string;
      t.equal(proof, await proofOf(sql, origin, seq, size, checkpoint));
      t.match(await verifyProof({ sha256, proof, leaf, logKey: key }), { ok: true, index: seq });
      const other = leaves[(seq + 1) % SIZE] as Uint8Array;
      t.match(await verifyProof({ sha256, proof, leaf: other, logKey: key }), { ok: false });
      const root = fromBase64(checkpoint.split('\n')[2] as string);
      t.ok(verifyInclusion(sha256, { index: seq, size, leaf, proof: parseProof(proof).hashes, root }));
    }
  }
  await t.rejects(proofOf(sql, origin, 7, 7, (await readCheckpoint(sql, origin, 7)) ?? ''), {
    code: 'merkle_index_refused',
  });
});

t.test('a consistency proof holds between any two sizes', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: SIZE }), fc.integer({ min: 0, max: SIZE }), async (a, b) => {
      const [oldSize, size] = [Math.min(a, b), Math.max(a, b)];
      const proof = await consistencyOf(database.sql, origin, oldSize, size);
      const [oldRoot, root] = [rootOf(sha256, leaves.slice(0, oldSize)), rootOf(sha256, leaves.slice(0, size))];
      t.ok(verifyConsistency(sha256, { oldSize, oldRoot, size, root, proof }), `${oldSize} to ${size}`);
    }),
    { numRuns: 40 },
  );
});

t.test('what was removed below a head is a fault with a name', async (t) => {
  const damaged = await testDb(t);
  const own = await testSigner(t);
  await begin(damaged.sql, origin);
  await appendSome(damaged.sql, own, origin, 20);
  await damaged.superuser.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    await tx`DELETE FROM entries WHERE seq IN (7, 19)`;
    await tx`DELETE FROM nodes WHERE level = 3 AND index = 0`;
  });
  const { sql } = damaged;
  await t.rejects(readEntries(sql, origin, 5, 10), { code: 'log_damaged', message: /entry 7 is missing/ });
  await t.rejects(readEntries(sql, origin, 15, 20), { code: 'log_damaged', message: /entry 19 is missing/ });
  await t.rejects(readNodes(sql, origin, inclusionNodes(9, 16)), { code: 'log_damaged', message: /subtree 3\/0/ });
  await t.rejects(readTile(sql, origin, parseTilePath('tile/0/000.p/20'), 20), { code: 'log_damaged' });
});

t.test('a proof is planned once and fetched in one query', async (t) => {
  const seen: string[] = [];
  const { sql } = database;
  const counting = new Proxy(sql, {
    apply(target, self, args: [TemplateStringsArray]) {
      seen.push(args[0].join('?'));
      return Reflect.apply(target, self, args);
    },
  });
  const checkpoint = signer.released(origin)?.note ?? '';
  await proofsOf(counting, origin, [1, 300, 599], SIZE, checkpoint);
  t.equal(seen.length, 1);
});
