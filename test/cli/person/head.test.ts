/** The kept head: it grows with the log, agrees with its own past, and stops at any second history. */
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { HeadError, keepHead, type ProofSource, proofFromTiles } from '../../../server/cli/person/head.ts';
import { toBase64 } from '../../../server/core/log/base64.ts';
import { formatCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { LogFormatError } from '../../../server/core/log/error.ts';
import {
  consistencyProof,
  leafHash,
  readFromLeaves,
  rootOf,
  verifyConsistency,
} from '../../../server/core/log/merkle.ts';
import { ed25519Verifier, KEY_TYPES, keyIdOf, signNote, verifierKey } from '../../../server/core/log/note.ts';
import { encodeHashTile, nodeFromTile, parseTilePath, tileNodes } from '../../../server/core/log/tile.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { sha256 } from '../../../server/hash.ts';
import t from '../../support/tap.ts';

const ORIGIN = 'kaibiao.test/opening/lot-1';
const folder = await mkdtemp(join(tmpdir(), 'kaibiao-head-'));
t.teardown(() => rm(folder, { recursive: true }));

/** A log key with its verifier. */
function logKey(name = ORIGIN) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
  const verifier = ed25519Verifier(verifierKey(sha256, name, KEY_TYPES.ed25519, raw), (_, message, signature) =>
    verify(null, message, createPublicKey(privateKey), signature),
  );
  const keyId = keyIdOf(sha256, name, KEY_TYPES.ed25519, raw);
  return { verifier, name, keyId, sign: async (text: Uint8Array) => new Uint8Array(sign(null, text, privateKey)) };
}

const key = logKey();
const leaves = (count: number, mark = '') =>
  Array.from({ length: count }, (_, i) => leafHash(sha256, utf8(`${mark}${i}`)));
const honest = leaves(700);
const forked = [...honest.slice(0, 3), ...leaves(20, 'other ')];
const noteOf = (hashes: readonly Uint8Array[], by = key) =>
  signNote({ text: formatCheckpoint({ origin: by.name, size: hashes.length, root: rootOf(sha256, hashes) }), ...by });
const proofOf =
  (hashes: readonly Uint8Array[]): ProofSource =>
  async (oldSize, size) =>
    consistencyProof(sha256, readFromLeaves(sha256, hashes), oldSize, size);
const proof = proofOf(honest);
let files = 0;
const fresh = () => join(folder, `head-${files++}`);
const keeper = (file = fresh()) => keepHead({ file, verifier: key.verifier });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: unknown) => (error instanceof HeadError || error instanceof LogFormatError ? error.code : String(error)),
  );

t.test('nothing seen, then growing; what was seen goes into acts', async (t) => {
  const head = await keeper();
  t.strictSame(head.headSeen(), { size: 0, root: toBase64(sha256(new Uint8Array(0))) });
  for (const size of [1, 2, 5, 300])
    t.equal((await head.accept(await noteOf(honest.slice(0, size)), proof)).size, size);
  t.strictSame(head.headSeen(), { size: 300, root: toBase64(rootOf(sha256, honest.slice(0, 300))) });
});

t.test('the same head again and our own past change nothing', async (t) => {
  const head = await keeper();
  const [five, nine] = [await noteOf(honest.slice(0, 5)), await noteOf(honest.slice(0, 9))];
  await head.accept(nine, proof);
  t.equal((await head.accept(nine, proof)).size, 9);
  t.equal((await head.accept(five, proof)).size, 9);
  t.equal(head.note(), nine);
});

t.test('a second history is refused, with both notes as evidence', async (t) => {
  const head = await keeper();
  const kept = await noteOf(honest.slice(0, 9));
  await head.accept(kept, proof);
  const cases: [what: string, hashes: Uint8Array[], code: string][] = [
    ['of the same size', forked.slice(0, 9), 'head_forks'],
    ['larger', forked.slice(0, 15), 'head_inconsistent'],
    ['smaller', forked.slice(0, 6), 'head_inconsistent'],
  ];
  for (const [what, hashes, code] of cases) {
    const shown = await noteOf(hashes);
    const error = await head.accept(shown, proofOf(forked)).catch((caught: unknown) => caught);
    t.match(error, { code, kept, shown }, what);
    t.equal(head.note(), kept);
  }
  t.equal(
    await codeOf(head.accept(await noteOf(honest.slice(0, 12)), async () => [])),
    'head_inconsistent',
    'no proof is no proof',
  );
});

t.test('only the log’s own key counts', async (t) => {
  const head = await keeper();
  t.equal(await codeOf(head.accept(await noteOf(honest.slice(0, 2), logKey()), proof)), 'note_unsigned');
  t.equal(
    await codeOf(head.accept(await noteOf(honest.slice(0, 2), logKey('kaibiao.test/ledger')), proof)),
    'note_unsigned',
  );
  t.equal(await codeOf(head.accept('junk', proof)), 'note_malformed');
  t.equal(head.note(), undefined);
});

t.test('a restart remembers, and does not overwrite what it cannot read', async (t) => {
  const file = fresh();
  await (await keeper(file)).accept(await noteOf(honest.slice(0, 9)), proof);
  const again = await keeper(file);
  t.equal(again.headSeen().size, 9);
  t.equal(await codeOf(again.accept(await noteOf(forked.slice(0, 15)), proofOf(forked))), 'head_inconsistent');
  await writeFile(file, 'scribbled over');
  t.equal(await codeOf(keeper(file)), 'note_malformed');
  t.equal(await readFile(file, 'utf8'), 'scribbled over');
  t.match(await codeOf(keeper(folder)), /EISDIR/);
});

t.test('heads that come together are taken one after another', async (t) => {
  const head = await keeper();
  const notes = await Promise.all([3, 9, 1, 20, 4].map((size) => noteOf(honest.slice(0, size))));
  const sizes = await Promise.all(notes.map((note) => head.accept(note, proof)));
  t.strictSame(
    sizes.map(({ size }) => size),
    [3, 9, 9, 20, 20],
  );
  const mixed = await keeper();
  const both = await Promise.all([
    codeOf(mixed.accept(await noteOf(honest.slice(0, 9)), proof)),
    codeOf(mixed.accept(await noteOf(forked.slice(0, 9)), proofOf(forked))),
    codeOf(mixed.accept(await noteOf(honest.slice(0, 10)), proof)),
  ]);
  t.strictSame(both, ['ok', 'head_forks', 'ok']);
});

/** The tiles of a log of so many leaves, as its server gives them. */
function tilesOf(size: number, read: string[] = []) {
  const node = readFromLeaves(sha256, honest.slice(0, size));
  return async (path: string) => {
    read.push(path);
    const tile = parseTilePath(path);
    if (tile.kind !== 'hashes') throw new Error('no proof needs entries');
    return encodeHashTile(tileNodes(tile).map(({ level, index }) => node(level, index)));
  };
}

t.test('proofs are made from tiles, each read once', async (t) => {
  const read: string[] = [];
  const hashes = await proofFromTiles(tilesOf(700, read))(5, 700);
  t.strictSame(hashes, await proof(5, 700));
  t.equal(new Set(read).size, read.length);
  const head = await keeper();
  await head.accept(await noteOf(honest.slice(0, 5)), proof);
  t.equal((await head.accept(await noteOf(honest), proofFromTiles(tilesOf(700)))).size, 700);
  t.equal(await codeOf(proofFromTiles(async () => new Uint8Array(31))(5, 700)), 'tile_malformed');
});

t.test('a proof from tiles verifies between any two sizes', async (t) => {
  const size = fc.integer({ min: 1, max: honest.length });
  await fc.assert(
    fc.asyncProperty(size, size, async (a, b) => {
      const [oldSize, newSize] = [Math.min(a, b), Math.max(a, b)];
      const root = (count: number) => rootOf(sha256, honest.slice(0, count));
      const claim = { oldSize, oldRoot: root(oldSize), size: newSize, root: root(newSize) };
      return verifyConsistency(sha256, { ...claim, proof: await proofFromTiles(tilesOf(newSize))(oldSize, newSize) });
    }),
    { numRuns: 40 },
  );
  t.pass('verified');
});

t.test('a subtree is not read out of a tile too narrow for it', async (t) => {
  t.throws(() => nodeFromTile(sha256, { level: 0, index: 0, offset: 4, count: 4 }, honest.slice(0, 6)), LogFormatError);
});
