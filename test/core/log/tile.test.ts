/** Tiles, bundles and proof files: paths that name one thing, contents that reassemble, proofs that travel alone. */
import fc from 'fast-check';
import { sameBytes, toHex } from '../../../server/core/log/bytes.ts';
import {
  appendLeaves,
  consistencyPlan,
  EMPTY_RANGE,
  inclusionPlan,
  inclusionProof,
  leafHash,
  type NodeId,
  readFromLeaves,
  rootOf,
} from '../../../server/core/log/merkle.ts';
import { ed25519Verifier } from '../../../server/core/log/note.ts';
import { formatProof, parseProof, verifyProof } from '../../../server/core/log/proof.ts';
import {
  bundlesOf,
  encodeBundle,
  encodeHashTile,
  formatTilePath,
  type HashTile,
  isTileWithin,
  nodeFromTile,
  nodeInTile,
  parseBundle,
  parseHashTile,
  parseTilePath,
  type Tile,
  tileNodes,
  tileSpan,
  tilesOf,
  tileWidth,
} from '../../../server/core/log/tile.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { checkpointNote, logKey, sha256, verifyEd25519 } from '../../support/log-fixtures.ts';
import t from '../../support/tap.ts';

const fault = (code: string) => ({ name: 'LogFormatError', code });

t.test('paths of the public examples', async (t) => {
  const cases: [Tile, string][] = [
    [{ kind: 'hashes', level: 0, index: 0, width: 5 }, 'tile/0/000.p/5'],
    [{ kind: 'hashes', level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ kind: 'hashes', level: 63, index: 999, width: 255 }, 'tile/63/999.p/255'],
    [{ kind: 'entries', index: 1000, width: 256 }, 'tile/entries/x001/000'],
    [{ kind: 'entries', index: 0, width: 1 }, 'tile/entries/000.p/1'],
  ];
  for (const [tile, path] of cases) {
    t.equal(formatTilePath(tile), path);
    t.strictSame(parseTilePath(path), tile);
  }
});

t.test('paths: parse after print is the identity', async (t) => {
  const tiles: fc.Arbitrary<Tile> = fc.oneof(
    fc.record(
      {
        kind: fc.constant('hashes' as const),
        level: fc.nat(63),
        index: fc.maxSafeNat(),
        width: fc.integer({ min: 1, max: 256 }),
      },
      { noNullPrototype: true },
    ),
    fc.record(
      {
        kind: fc.constant('entries' as const),
        index: fc.nat(2_000_000),
        width: fc.integer({ min: 1, max: 256 }),
      },
      { noNullPrototype: true },
    ),
  );
  fc.assert(
    fc.property(tiles, (tile) => void t.strictSame(parseTilePath(formatTilePath(tile)), tile)),
    { numRuns: 300 },
  );
});

t.test('paths: malformed ones name nothing', async (t) => {
  for (const bad of [
    '',
    'tile',
    'tile/0',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/x000/000',
    'tile/0/x000',
    'tile/0/001/002',
    'tile/0/x001/x002',
    'tile/0/X001/002',
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/100/000',
    'tile/0/000.p/0',
    'tile/0/000.p/05',
    'tile/0/000.p/256',
    'tile/0/000.p/257',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000/p/5',
    'tile/0/000.p/5/',
    'tile/0/000.p/5\n',
    '/tile/0/000',
    'tile/entries/000/',
    'tile/entry/000',
    'tile/0/..',
    'tile/0/x001/../000',
    'tile/0/x999/x999/x999/x999/x999/999',
    'tile/0/x001/x000/x000/x000/x000/x000/000',
    'tile/0/００0',
  ])
    t.throws(() => parseTilePath(bad), fault('tile_path_malformed'), bad);
  for (const bad of [
    { level: 64 },
    { level: -1 },
    { index: -1 },
    { index: 0.5 },
    { index: 2 ** 53 },
    { width: 0 },
    { width: 257 },
  ])
    t.throws(
      () => formatTilePath({ kind: 'hashes', level: 0, index: 0, width: 1, ...bad }),
      fault('tile_path_malformed'),
    );
});

t.test('which tiles a tree of 70,000 leaves has, as the public text counts them', async (t) => {
  const tiles = [...tilesOf(70_000)];
  const count = (level: number, full: boolean) =>
    tiles.filter((tile) => tile.level === level && (tile.width === 256) === full);
  t.equal(count(0, true).length, 273);
  t.strictSame(
    count(0, false).map(({ width }) => width),
    [112],
  );
  t.equal(count(1, true).length, 1);
  t.strictSame(
    count(1, false).map(({ width }) => width),
    [17],
  );
  t.strictSame(
    count(2, false).map(({ width }) => width),
    [1],
  );
  t.equal(tiles.length, 277);
  t.equal([...bundlesOf(70_000)].length, 274);
  t.strictSame([...tilesOf(256)].map(formatTilePath), ['tile/0/000', 'tile/1/000.p/1']);
  t.strictSame([...tilesOf(0)], []);
  t.strictSame([...bundlesOf(0)], []);
});

t.test('which widths may be served', async (t) => {
  const tile = (width: number, index = 0, level = 0): HashTile => ({ kind: 'hashes', level, index, width });
  t.ok(isTileWithin(tile(5), 5));
  t.ok(isTileWithin(tile(3), 5), 'every partial width up to the size');
  t.notOk(isTileWithin(tile(6), 5));
  t.notOk(isTileWithin(tile(1), 0));
  t.notOk(isTileWithin(tile(1, 1), 256));
  t.ok(isTileWithin(tile(1, 0, 1), 256));
  t.notOk(isTileWithin(tile(1, 0, 1), 255));
  t.ok(isTileWithin({ kind: 'entries', index: 1, width: 2 }, 258));
  t.equal(tileWidth(0, 0, 300), 256);
  t.equal(tileWidth(0, 1, 300), 44);
  t.equal(tileWidth(0, 2, 300), 0);
  t.equal(tileWidth(63, 0, Number.MAX_SAFE_INTEGER), 0);
  t.equal(tileWidth(6, 0, Number.MAX_SAFE_INTEGER), 31);
  t.strictSame(tileSpan(tile(2, 1, 1)), { start: 65_536, end: 66_048 });
  t.strictSame(tileSpan({ kind: 'entries', index: 1, width: 2 }), { start: 256, end: 258 });
});

t.test('a tree comes back from its tiles: root, and every planned proof', async (t) => {
  const size = 1_500;
  const leaves = Array.from({ length: size }, (_, i) => leafHash(sha256, utf8(`leaf ${i}`)));
  // a store that keeps what `appendLeaves` reports
  const nodes = new Map<string, Uint8Array>();
  appendLeaves(sha256, EMPTY_RANGE, leaves, ({ level, index }, hash) => nodes.set(`${level}/${index}`, hash));
  const served = new Map<string, Uint8Array>();
  for (const tile of tilesOf(size)) {
    const hashes = tileNodes(tile).map(({ level, index }) => nodes.get(`${level}/${index}`) as Uint8Array);
    served.set(formatTilePath(tile), encodeHashTile(hashes));
  }
  t.strictSame(
    [...served.keys()],
    ['tile/0/000', 'tile/0/001', 'tile/0/002', 'tile/0/003', 'tile/0/004', 'tile/0/005.p/220', 'tile/1/000.p/5'],
  );
  const read = ({ level, index }: NodeId): Uint8Array => {
    const place = nodeInTile({ level, index });
    const width = tileWidth(place.level, place.index, size);
    const bytes = served.get(formatTilePath({ kind: 'hashes', level: place.level, index: place.index, width }));
    return nodeFromTile(sha256, place, parseHashTile(bytes as Uint8Array, width));
  };
  const level0 = [...bundlesOf(size)].flatMap(({ index, width }) =>
    parseHashTile(served.get(formatTilePath({ kind: 'hashes', level: 0, index, width })) as Uint8Array, width),
  );
  t.ok(sameBytes(rootOf(sha256, level0), rootOf(sha256, leaves)));
  const plain = readFromLeaves(sha256, leaves);
  fc.assert(
    fc.property(fc.nat(size - 1), (index) => {
      for (const node of [...inclusionPlan(index, size).flat(), ...consistencyPlan(index, size).flat()]) {
        if (!sameBytes(read(node), plain(node.level, node.index))) t.fail(`${node.level}/${node.index}`);
      }
    }),
    { numRuns: 40 },
  );
});

t.test('tile bytes: only whole hashes, only the width asked for', async (t) => {
  const hashes = Array.from({ length: 256 }, (_, i) => sha256(Uint8Array.of(i)));
  const bytes = encodeHashTile(hashes);
  t.equal(bytes.length, 8192);
  t.strictSame(parseHashTile(bytes, 256), hashes);
  for (const width of [0, 1, 255, 257]) t.throws(() => parseHashTile(bytes, width), fault('tile_malformed'));
  t.throws(() => encodeHashTile([]), fault('tile_malformed'));
  t.throws(() => encodeHashTile([...hashes, hashes[0] as Uint8Array]), fault('tile_malformed'));
  t.throws(() => encodeHashTile([new Uint8Array(31)]), fault('tile_malformed'));
  t.throws(() => nodeFromTile(sha256, nodeInTile({ level: 3, index: 0 }), hashes.slice(0, 7)), fault('tile_malformed'));
  t.strictSame(nodeInTile({ level: 11, index: 33 }), { level: 1, index: 1, offset: 8, count: 8 });
});

t.test('bundles: parse after print is the identity, and every cut or byte more is refused', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 256 }), (entries) => {
      const bytes = encodeBundle(entries);
      t.strictSame(parseBundle(bytes, entries.length), entries);
      for (const bad of [bytes.subarray(0, -1), Uint8Array.of(...bytes, 0), Uint8Array.of(...bytes, 0, 0)]) {
        t.throws(() => parseBundle(bad, entries.length), fault('bundle_malformed'));
      }
      t.throws(() => parseBundle(bytes, entries.length + 1), fault('bundle_malformed'));
    }),
    { numRuns: 40 },
  );
  const long = new Uint8Array(65_535).fill(7);
  t.equal(encodeBundle([long]).subarray(0, 2).join(), '255,255');
  t.strictSame(parseBundle(encodeBundle([long]), 1), [long]);
  t.throws(() => encodeBundle([new Uint8Array(65_536)]), fault('bundle_malformed'));
  t.throws(() => encodeBundle([]), fault('bundle_malformed'));
  t.throws(() => parseBundle(encodeBundle([long]), 0), fault('bundle_malformed'));
});

const signer = logKey('kaibiao.example/opening/op-1', 4);
const logVerifier = ed25519Verifier(signer.key, verifyEd25519);
const leaves = Array.from({ length: 21 }, (_, i) => leafHash(sha256, utf8(`leaf ${i}`)));
const proofOf = (index: number) =>
  formatProof({
    index,
    hashes: inclusionProof(sha256, readFromLeaves(sha256, leaves), index, leaves.length),
    checkpoint: checkpointNote(signer, leaves),
  });

t.test('proof files: print after parse is the identity, and each holds', async (t) => {
  for (const [index, leaf] of leaves.entries()) {
    const proof = proofOf(index);
    t.equal(formatProof(parseProof(proof)), proof);
    t.match(await verifyProof({ sha256, proof, leaf, logKey: logVerifier }), {
      ok: true,
      index,
      checkpoint: { size: 21 },
    });
  }
  t.match(
    proofOf(0),
    /^c2sp\.org\/tlog-proof@v1\nindex 0\n([A-Za-z0-9+/]{43}=\n){5}\nkaibiao\.example\/opening\/op-1\n21\n/,
  );
});

t.test('proof files: of the only entry, without a hash', async (t) => {
  const only = leaves.slice(0, 1);
  const proof = formatProof({ index: 0, hashes: [], checkpoint: checkpointNote(signer, only) });
  t.ok(proof.startsWith('c2sp.org/tlog-proof@v1\nindex 0\n\nkaibiao'));
  t.match(await verifyProof({ sha256, proof, leaf: only[0] as Uint8Array, logKey: logVerifier }), { ok: true });
});

t.test('proof files: every changed byte is refused', async (t) => {
  const proof = proofOf(13);
  for (let at = 0; at < proof.length; at++) {
    const changed = proof.slice(0, at) + String.fromCharCode(proof.charCodeAt(at) ^ 1) + proof.slice(at + 1);
    const { ok } = await verifyProof({ sha256, proof: changed, leaf: leaves[13] as Uint8Array, logKey: logVerifier });
    if (ok) t.fail(`byte ${at} does not count`);
  }
  t.pass(`${proof.length} bytes`);
});

t.test('proof files: malformed, foreign, or of another leaf', async (t) => {
  const good = proofOf(3);
  for (const bad of [
    '',
    good.replace('@v1', '@v2'),
    good.replace('index 3', 'index 03'),
    good.replace('index 3', 'index  3'),
    good.replace('index 3\n', ''),
    good.replace('index 3', 'extra AAAA\nindex 3'),
    good.replace('index 3\n', 'index 3\nAAAA\n'),
    good.replace('index 3\n', 'index 3\n\n'),
    good.replace('index 3\n', `index 3\n${`${'A'.repeat(43)}=\n`.repeat(59)}`),
    `\n${good}`,
  ])
    t.throws(() => parseProof(bad), { name: 'LogFormatError' });
  const check = async (proof: string, leaf = leaves[3] as Uint8Array, logKeyOf = logVerifier) =>
    (await verifyProof({ sha256, proof, leaf, logKey: logKeyOf })) as { ok: boolean; reason?: string };
  t.match(await check(good, leaves[4]), { ok: false, reason: 'proof_does_not_hold' });
  t.match(await check(good.replace('index 3', 'index 4')), { ok: false, reason: 'proof_does_not_hold' });
  t.match(await check(good.replace('index 3', 'index 21')), { ok: false, reason: 'proof_does_not_hold' });
  const stranger = ed25519Verifier(logKey('other.example', 5).key, verifyEd25519);
  t.match(await check(good, leaves[3], stranger), { ok: false, reason: 'note_unsigned' });
  t.throws(() => formatProof({ index: -1, hashes: [], checkpoint: '' }), fault('proof_malformed'));
  t.throws(() => formatProof({ index: 0, hashes: [new Uint8Array(31)], checkpoint: '' }), fault('proof_malformed'));
  t.throws(() => formatProof({ index: 0, hashes: [], checkpoint: 'no note' }), fault('note_malformed'));
  t.equal(toHex(sha256(utf8(''))).slice(0, 8), 'e3b0c442');
});
