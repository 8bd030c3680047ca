/** Merkle proofs made by whoever reads a log, from the log's own tiles as tlog-tiles serves them. */
import type { Sha256 } from '../core/log/hash.ts';
import { assembleProof, type ProofPlan } from '../core/log/merkle.ts';
import { formatTilePath, type HashTile, nodeFromTile, nodeInTile, parseHashTile, tileWidth } from '../core/log/tile.ts';

/** Reads a file of a log by its path below the log, e.g. `tile/0/000.p/5`. */
export type ReadTile = (path: string) => Promise<Uint8Array>;

/** The hashes of a planned proof in a log of `size` entries, from its tiles. Throws: LogFormatError tile_malformed. */
export async function assembleFromTiles(
  sha256: Sha256,
  readTile: ReadTile,
  plan: ProofPlan,
  size: number,
): Promise<Uint8Array[]> {
  const hashes = new Map<string, readonly Uint8Array[]>();
  for (const node of plan.flat()) {
    const { level, index } = nodeInTile(node);
    const path = tilePath(level, index, size);
    if (!hashes.has(path)) hashes.set(path, parseHashTile(await readTile(path), tileWidth(level, index, size)));
  }
  return assembleProof(sha256, plan, (level, index) => {
    const place = nodeInTile({ level, index });
    return nodeFromTile(sha256, place, hashes.get(tilePath(place.level, place.index, size)) ?? []);
  });
}

function tilePath(level: number, index: number, size: number): string {
  const tile: HashTile = { kind: 'hashes', level, index, width: tileWidth(level, index, size) };
  return formatTilePath(tile);
}
