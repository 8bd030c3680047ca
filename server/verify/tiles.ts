/** Published hash tiles held against the leaf hashes as they come, in memory of one tile a level. */
import { sameBytes } from '../core/log/bytes.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { rootOf } from '../core/log/merkle.ts';
import { encodeHashTile, formatTilePath, TILE_WIDTH } from '../core/log/tile.ts';
import type { LogSource } from './source.ts';

export type TileCheck = {
  /** The next leaf hash. Throws: what the source throws. */
  add(leaf: Uint8Array): Promise<void>;
  /** The path of the first tile that is not what the leaves make, partial tiles included; null when all are. */
  finish(): Promise<string | null>;
};

type Level = { index: number; hashes: Uint8Array[] };

/**
 * Begins to check the tiles of a log.
 *
 * Why: what differs is told at the end only: that an entry was changed is the better reason, and is known later.
 */
export function checkTiles(source: Pick<LogSource, 'hashTile'>, sha256: Sha256): TileCheck {
  const levels: Level[] = [];
  let differing: string | null = null;

  async function compare(level: number, { index, hashes }: Level): Promise<void> {
    const tile = { kind: 'hashes', level, index, width: hashes.length } as const;
    const published = await source.hashTile(tile);
    if (!sameBytes(encodeHashTile(hashes), published)) differing ??= formatTilePath(tile);
  }

  async function push(level: number, hash: Uint8Array): Promise<void> {
    const row = levels[level] ?? { index: 0, hashes: [] };
    levels[level] = row;
    row.hashes.push(hash);
    if (row.hashes.length < TILE_WIDTH) return;
    await compare(level, row);
    const root = rootOf(sha256, row.hashes);
    levels[level] = { index: row.index + 1, hashes: [] };
    await push(level + 1, root);
  }

  return {
    add: (leaf) => push(0, leaf),
    async finish() {
      for (const [level, row] of levels.entries()) if (row.hashes.length > 0) await compare(level, row);
      return differing;
    },
  };
}
