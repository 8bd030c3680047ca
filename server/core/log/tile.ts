/** C2SP tlog-tiles: paths of tiles and entry bundles, their contents, and which subtrees they are made of. */
import { joinBytes } from './bytes.ts';
import { parseDecimal } from './decimal.ts';
import { ENTRY_LIMIT_BYTES } from './entry.ts';
import { demand } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';
import { type NodeId, rootOf } from './merkle.ts';

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
/** Tree levels a tile spans. */
export const TILE_HEIGHT = 8;
const LAST_LEVEL = 63;

/** A tile of hashes. Width 256 is the full tile; 1 … 255 a partial one (`.p/<W>`). */
export type HashTile = {
  readonly kind: 'hashes';
  readonly level: number;
  readonly index: number;
  readonly width: number;
};
/** A bundle of entries; spans the same leaves as the level-0 tile of the same index. */
export type EntryBundle = { readonly kind: 'entries'; readonly index: number; readonly width: number };
export type Tile = HashTile | EntryBundle;

function checkTile(tile: Tile): void {
  const level = tile.kind === 'hashes' ? tile.level : 0;
  const fits =
    Number.isInteger(level) &&
    level >= 0 &&
    level <= LAST_LEVEL &&
    Number.isSafeInteger(tile.index) &&
    tile.index >= 0 &&
    Number.isInteger(tile.width) &&
    tile.width >= 1 &&
    tile.width <= TILE_WIDTH;
  demand(fits, 'tile_path_malformed', 'no such tile');
}

/** A tile's path below the log's prefix, e.g. `tile/0/x001/x234/067.p/5`. Throws: `tile_path_malformed`. */
export function formatTilePath(tile: Tile): string {
  checkTile(tile);
  const groups: string[] = [];
  let rest = tile.index;
  do {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  const number = groups.join('/').replace(/x([0-9]{3})$/, '$1');
  const partial = tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`;
  return `tile/${tile.kind === 'hashes' ? tile.level : 'entries'}/${number}${partial}`;
}

/**
 * Reads a path that `formatTilePath` could have written.
 *
 * Throws: `tile_path_malformed` on anything else: leading zero groups, `.p/0`, `.p/256`, `.p/05`, levels above 63.
 */
export function parseTilePath(path: string): Tile {
  const match = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path);
  demand(match !== null, 'tile_path_malformed', 'not tile/<L>/<N>[.p/<W>]');
  const [, level, number, partial] = match as unknown as [string, string, string, string | undefined];
  const digits = number.replace(/[x/]/g, '').replace(/^0+(?=[0-9])/, '');
  const index = parseDecimal(digits);
  demand(index !== undefined, 'tile_path_malformed', 'index beyond 2^53 − 1');
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  const tile: Tile =
    level === 'entries' ? { kind: 'entries', index, width } : { kind: 'hashes', level: Number(level), index, width };
  demand(formatTilePath(tile) === path, 'tile_path_malformed', 'another path names this tile');
  return tile;
}

/**
 * How many hashes the tile at this place has in a tree of `size` leaves.
 *
 * Returns: 0 (there is no such tile) … 256.
 */
export function tileWidth(level: number, index: number, size: number): number {
  const available = Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH;
  return Math.max(0, Math.min(TILE_WIDTH, available));
}

/** Whether a tree of `size` leaves holds every hash of this tile, so that it may be served. */
export function isTileWithin(tile: Tile, size: number): boolean {
  return tile.width <= tileWidth(tile.kind === 'hashes' ? tile.level : 0, tile.index, size);
}

/** Every tile of hashes of a tree of `size` leaves, level by level, the partial one of a level last. */
export function* tilesOf(size: number): Generator<HashTile> {
  for (let level = 0; tileWidth(level, 0, size) > 0; level++) {
    for (let index = 0; ; index++) {
      const width = tileWidth(level, index, size);
      if (width === 0) break;
      yield { kind: 'hashes', level, index, width };
    }
  }
}

/** Every entry bundle of a log of `size` entries, in order. */
export function* bundlesOf(size: number): Generator<EntryBundle> {
  for (let index = 0; ; index++) {
    const width = tileWidth(0, index, size);
    if (width === 0) break;
    yield { kind: 'entries', index, width };
  }
}

/** The half-open span of leaves a tile or bundle stands over, in steps of whole hashes. */
export function tileSpan(tile: Tile): { start: number; end: number } {
  const step = TILE_WIDTH ** (tile.kind === 'hashes' ? tile.level : 0);
  const first = tile.index * TILE_WIDTH;
  return { start: first * step, end: (first + tile.width) * step };
}

/** The complete subtrees whose hashes a tile lists, in order: what a store must fetch or compute to serve it. */
export function tileNodes(tile: HashTile): NodeId[] {
  checkTile(tile);
  return Array.from({ length: tile.width }, (_, i) => ({
    level: tile.level * TILE_HEIGHT,
    index: tile.index * TILE_WIDTH + i,
  }));
}

/** Where the hash of a complete subtree is found: the `count` hashes from `offset` of one tile are the leaves of the subtree. */
export type NodeInTile = {
  readonly level: number;
  readonly index: number;
  readonly offset: number;
  readonly count: number;
};

/** The tile and the place in it from which a complete subtree's hash is computed. */
export function nodeInTile({ level, index }: NodeId): NodeInTile {
  const tileLevel = Math.floor(level / TILE_HEIGHT);
  const count = 2 ** (level - tileLevel * TILE_HEIGHT);
  const first = index * count;
  return {
    level: tileLevel,
    index: Math.floor(first / TILE_WIDTH),
    offset: first % TILE_WIDTH,
    count,
  };
}

/** The hash of a complete subtree out of the tile `nodeInTile` named. Throws: `tile_malformed` when the tile is too narrow. */
export function nodeFromTile(sha256: Sha256, place: NodeInTile, hashes: readonly Uint8Array[]): Uint8Array {
  const leaves = hashes.slice(place.offset, place.offset + place.count);
  demand(leaves.length === place.count, 'tile_malformed', 'the tile ends before this subtree does');
  return rootOf(sha256, leaves);
}

/** The bytes of a tile. Throws: `tile_malformed` unless 1 … 256 hashes of 32 bytes. */
export function encodeHashTile(hashes: readonly Uint8Array[]): Uint8Array {
  demand(hashes.length >= 1 && hashes.length <= TILE_WIDTH, 'tile_malformed', 'a tile has 1 … 256 hashes');
  demand(
    hashes.every((hash) => hash.length === HASH_BYTES),
    'tile_malformed',
    'a hash has 32 bytes',
  );
  return joinBytes(...hashes);
}

/** Reads the bytes of a tile of known width. Throws: `tile_malformed` on any other length. */
export function parseHashTile(bytes: Uint8Array, width: number): Uint8Array[] {
  demand(
    width >= 1 && width <= TILE_WIDTH && bytes.length === width * HASH_BYTES,
    'tile_malformed',
    'not the width asked for',
  );
  return Array.from({ length: width }, (_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

/** The bytes of an entry bundle: each entry behind its length as 16 bits, big-endian. Throws: `bundle_malformed`. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  demand(entries.length >= 1 && entries.length <= TILE_WIDTH, 'bundle_malformed', 'a bundle has 1 … 256 entries');
  return joinBytes(
    ...entries.flatMap((entry) => {
      demand(entry.length <= ENTRY_LIMIT_BYTES, 'bundle_malformed', 'an entry too long for its length');
      return [Uint8Array.of(Math.floor(entry.length / 256), entry.length % 256), entry];
    }),
  );
}

/** Reads a bundle of known width. Throws: `bundle_malformed` when it is cut off, longer, or of another count. */
export function parseBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  demand(width >= 1 && width <= TILE_WIDTH, 'bundle_malformed', 'a bundle has 1 … 256 entries');
  const entries: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < width; i++) {
    const [high, low] = bytes.subarray(at, at + 2);
    demand(high !== undefined && low !== undefined, 'bundle_malformed', 'fewer entries than asked for');
    const end = at + 2 + high * 256 + low;
    demand(end <= bytes.length, 'bundle_malformed', 'an entry is cut off');
    entries.push(bytes.slice(at + 2, end));
    at = end;
  }
  demand(at === bytes.length, 'bundle_malformed', 'more bytes than entries');
  return entries;
}
