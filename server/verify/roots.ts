/** The root of a log at every size, from its leaf hashes as they come: what others say they have seen is held against it. */
import { HASH_BYTES, type Sha256 } from '../core/log/hash.ts';
import {
  appendLeaves,
  type CompactRange,
  consistencyProof,
  EMPTY_RANGE,
  type NodeId,
  rangeNodes,
  rangeRoot,
} from '../core/log/merkle.ts';

/** The root of every size so far: what an act says its signer had seen is held against it. */
export type Roots = {
  add(leaf: Uint8Array): void;
  /** Null for a size that was not reached yet. */
  at(size: number): Uint8Array | null;
  /** What a longer log's root is computed from. */
  range(): CompactRange;
  /** The consistency proof between two sizes. Asserts: both were reached. */
  proof(oldSize: number, size: number): Uint8Array[];
};

/**
 * Keeps the hashes of all complete subtrees, 64 bytes an entry; a root is folded of them when it is asked for.
 *
 * Why: most sizes are never asked for, and the one that was asked for last is asked for again by whoever acted at the same time.
 */
export function keepRoots(sha256: Sha256): Roots {
  let range: CompactRange = EMPTY_RANGE;
  const levels: Hashes[] = [];
  let last: { readonly size: number; readonly root: Uint8Array } | null = null;
  const keep = ({ level }: NodeId, hash: Uint8Array): void => {
    levels[level] ??= keepHashes();
    levels[level].push(hash);
  };
  return {
    add(leaf) {
      range = appendLeaves(sha256, range, [leaf], keep);
    },
    at(size) {
      if (size > range.size) return null;
      if (last?.size !== size) {
        const hashes = rangeNodes(size).map(({ level, index }) => (levels[level] as Hashes).at(index));
        last = { size, root: rangeRoot(sha256, { size, hashes }) };
      }
      return last.root;
    },
    range: () => range,
    proof: (oldSize, size) =>
      consistencyProof(sha256, (level, index) => (levels[level] as Hashes).at(index), oldSize, size),
  };
}

type Hashes = { push(hash: Uint8Array): void; at(index: number): Uint8Array };

/** Hashes one behind the other, in one block that doubles. */
function keepHashes(): Hashes {
  let kept = new Uint8Array(HASH_BYTES * 64);
  let length = 0;
  return {
    push(hash) {
      if (length === kept.length) {
        const larger = new Uint8Array(kept.length * 2);
        larger.set(kept);
        kept = larger;
      }
      kept.set(hash, length);
      length += HASH_BYTES;
    },
    at: (index) => kept.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  };
}
