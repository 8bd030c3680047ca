/** No single byte of an export can change unnoticed; hash tiles are held against the leaves as they come. */
import fc from 'fast-check';
import { verifySource } from '../../server/cli/verify-log.ts';
import { readFromLeaves, rootOf } from '../../server/core/log/merkle.ts';
import { encodeHashTile, formatTilePath, type HashTile, tileNodes, tilesOf } from '../../server/core/log/tile.ts';
import { sha256 } from '../../server/hash.ts';
import { keepRoots } from '../../server/verify/roots.ts';
import type { LogSource } from '../../server/verify/source.ts';
import { checkTiles } from '../../server/verify/tiles.ts';
import { memorySource, TRUST } from '../support/golden-judge.ts';
import { filesOf, type LogFiles, readGolden } from '../support/golden-log.ts';
import t from '../support/tap.ts';

const SEED = 20260305;
const RUNS = 200;

/** Does the export of these files verify? Reading from memory differs from reading a folder in nothing but the reading. */
async function verifies(files: LogFiles, trust?: string): Promise<boolean> {
  const options = { requireAllDisclosures: true, ...(trust !== undefined && { trust }) };
  return (await verifySource(memorySource(files), options)).ok;
}

t.test('a byte changed, put in, or taken out, in any file: refused, trusted ledger or not', async (t) => {
  const honest = filesOf(readGolden('failed-tender'));
  const paths = [...honest.keys()];
  t.equal(paths.length, 17, 'key, checkpoint, tile, bundle, five of disclosures, four of evidence, four of the anchor');
  t.ok(await verifies(honest));
  const change = fc.record({
    path: fc.constantFrom(...paths),
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bits: fc.integer({ min: 1, max: 255 }),
    kind: fc.constantFrom('change', 'change', 'change', 'insert', 'remove'),
    trusted: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ path, place, bits, kind, trusted }) => {
      const bytes = honest.get(path) ?? new Uint8Array(0);
      const at = Math.floor(place * bytes.length);
      const changed = {
        change: () => bytes.map((byte, n) => (n === at ? byte ^ bits : byte)),
        insert: () => Uint8Array.of(...bytes.subarray(0, at), bits, ...bytes.subarray(at)),
        remove: () => Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1)),
      }[kind as 'change' | 'insert' | 'remove']();
      return !(await verifies(new Map(honest).set(path, changed), trusted ? TRUST : undefined));
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

t.test('so in the ledger', async (t) => {
  const honest = filesOf(readGolden('ledger'));
  t.ok(await verifies(honest, TRUST));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...honest.keys()),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (path, n, bits) => {
        const bytes = honest.get(path) ?? new Uint8Array(0);
        const changed = bytes.map((byte, at) => (at === n % bytes.length ? byte ^ bits : byte));
        return !(await verifies(new Map(honest).set(path, changed), TRUST));
      },
    ),
    { seed: SEED, numRuns: 60 },
  );
});

const leaves = Array.from({ length: 66_000 }, (_, n) => sha256(Uint8Array.of(n % 256, n >> 8, n >> 16)));
const compute = readFromLeaves(sha256, leaves);
const nodes = new Map<string, Uint8Array>();
/** Each node once, and not again for every size of log. */
function read(level: number, index: number): Uint8Array {
  const place = `${level}/${index}`;
  const node = nodes.get(place) ?? compute(level, index);
  nodes.set(place, node);
  return node;
}
const published = (tile: HashTile): Uint8Array =>
  encodeHashTile(tileNodes(tile).map(({ level, index }) => read(level, index)));

t.test('tiles of three levels are asked for once each, in any size of log', async (t) => {
  for (const size of [1, 255, 256, 257, 512, 65_535, 65_536, 66_000]) {
    const asked: string[] = [];
    const source: Pick<LogSource, 'hashTile'> = {
      async hashTile(tile) {
        asked.push(formatTilePath(tile));
        return published(tile);
      },
    };
    const tiles = checkTiles(source, sha256);
    for (const leaf of leaves.slice(0, size)) await tiles.add(leaf);
    t.equal(await tiles.finish(), null, `${size}`);
    t.strictSame(asked.sort(), [...tilesOf(size)].map(formatTilePath).sort(), `${size}`);
  }
});

t.test('a tile that differs is named, the first of them', async (t) => {
  const wrong = ['tile/1/000', 'tile/0/256.p/208'];
  const tiles = checkTiles(
    {
      async hashTile(tile) {
        const bytes = published(tile);
        if (wrong.includes(formatTilePath(tile))) bytes[9] = (bytes[9] ?? 0) ^ 1;
        return bytes;
      },
    },
    sha256,
  );
  for (const leaf of leaves.slice(0, 65_744)) await tiles.add(leaf);
  t.equal(await tiles.finish(), 'tile/1/000');
});

t.test('the roots of every size are kept, and of no size beyond', async (t) => {
  const roots = keepRoots(sha256);
  t.strictSame(roots.at(0), rootOf(sha256, []));
  t.equal(roots.at(1), null);
  for (const leaf of leaves.slice(0, 300)) roots.add(leaf);
  for (const size of [0, 1, 2, 63, 64, 65, 127, 128, 255, 256, 300])
    t.strictSame(roots.at(size), rootOf(sha256, leaves.slice(0, size)), `${size}`);
  t.equal(roots.at(301), null);
});
