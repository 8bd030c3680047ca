/** RFC 6962 Merkle trees: appending in O(log n), roots, proofs planned before they are fetched, and strict verification. */
import { joinBytes, sameBytes } from './bytes.ts';
import { demand } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';

/*
 * Sizes and indexes are numbers up to 2^53 − 1. `>>`, `<<` and `&` work on 32 bits and would quietly fold larger trees,
 * so halves and parities are arithmetic throughout this file.
 */
const half = (n: number): number => Math.floor(n / 2);
const isOdd = (n: number): boolean => n % 2 === 1;
const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
const isHash = (bytes: Uint8Array): boolean => bytes.length === HASH_BYTES;

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Hash of a leaf: SHA-256(0x00 ‖ data). Source: RFC 6962 §2.1. */
export function leafHash(sha256: Sha256, data: Uint8Array): Uint8Array {
  return sha256(joinBytes(LEAF_PREFIX, data));
}

// Of the same place for all nodes: to make 65 bytes anew for each costs more than the hash, and whole trees are hashed.
const nodeBytes = new Uint8Array(1 + 2 * HASH_BYTES).fill(1, 0, 1);

/**
 * Hash of an inner node: SHA-256(0x01 ‖ left ‖ right). Source: RFC 6962 §2.1.
 *
 * Shape: the hash function is done with its argument when it returns, as every one that is not a promise.
 */
export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  if (!isHash(left) || !isHash(right)) return sha256(joinBytes(NODE_PREFIX, left, right));
  nodeBytes.set(left, 1);
  nodeBytes.set(right, 1 + HASH_BYTES);
  return sha256(nodeBytes);
}

/** Root of the tree without leaves: SHA-256 of nothing. */
export function emptyRoot(sha256: Sha256): Uint8Array {
  return sha256(new Uint8Array(0));
}

/** A complete subtree: it covers the leaves [index·2^level, (index+1)·2^level). Level 0 is a leaf hash. */
export type NodeId = { readonly level: number; readonly index: number };

/** The half-open span of leaves under a complete subtree. */
export function leafSpan({ level, index }: NodeId): { start: number; end: number } {
  const width = 2 ** level;
  return { start: index * width, end: (index + 1) * width };
}

/**
 * A tree by the roots of its complete subtrees, largest first: as many hashes as `size` has ones in binary (at most 53).
 * It is all a log needs to keep in order to grow and to know its root.
 */
export type CompactRange = { readonly size: number; readonly hashes: readonly Uint8Array[] };

export const EMPTY_RANGE: CompactRange = { size: 0, hashes: [] };

function checkRange(range: CompactRange): void {
  demand(isSize(range.size), 'merkle_size_refused', `${range.size} is no size`);
  let ones = 0;
  for (let n = range.size; n > 0; n = half(n)) if (isOdd(n)) ones += 1;
  demand(
    range.hashes.length === ones && range.hashes.every(isHash),
    'merkle_range_malformed',
    'hashes do not fit the size',
  );
}

/**
 * The range after more leaves.
 *
 * Returns: a new range; the given one stays as it was.
 * Calls:   `onNode`, when given, for every subtree that became complete, leaves included, children before parents: what a
 *          store may keep so that later proofs need not hash the leaves again.
 * Throws:  `merkle_range_malformed`, `merkle_size_refused` beyond 2^53 − 1 leaves.
 */
export function appendLeaves(
  sha256: Sha256,
  range: CompactRange,
  leafHashes: Iterable<Uint8Array>,
  onNode?: (node: NodeId, hash: Uint8Array) => void,
): CompactRange {
  checkRange(range);
  const hashes = [...range.hashes];
  let size = range.size;
  for (const leaf of leafHashes) {
    demand(isHash(leaf), 'merkle_range_malformed', 'a leaf hash has 32 bytes');
    demand(isSize(size + 1), 'merkle_size_refused', 'the tree is full');
    let hash = leaf;
    let level = 0;
    let index = size;
    onNode?.({ level, index }, hash);
    // every trailing one of the old size is a complete subtree that now finds its right sibling
    while (isOdd(index)) {
      hash = nodeHash(sha256, hashes.pop() as Uint8Array, hash);
      level += 1;
      index = half(index);
      onNode?.({ level, index }, hash);
    }
    hashes.push(hash);
    size += 1;
  }
  return { size, hashes };
}

/** Hash over adjoining complete subtrees, largest first: the ragged right edge of a tree. Asserts: at least one. */
function foldSubtrees(sha256: Sha256, hashes: readonly Uint8Array[]): Uint8Array {
  let hash = hashes.at(-1) as Uint8Array;
  for (let i = hashes.length - 2; i >= 0; i--) hash = nodeHash(sha256, hashes[i] as Uint8Array, hash);
  return hash;
}

/** Root of the tree a range stands for. Throws: `merkle_range_malformed`. */
export function rangeRoot(sha256: Sha256, range: CompactRange): Uint8Array {
  checkRange(range);
  return range.size === 0 ? emptyRoot(sha256) : foldSubtrees(sha256, range.hashes);
}

/** Root over leaf hashes. */
export function rootOf(sha256: Sha256, leafHashes: Iterable<Uint8Array>): Uint8Array {
  return rangeRoot(sha256, appendLeaves(sha256, EMPTY_RANGE, leafHashes));
}

/** Level of the largest power of two ≤ n, by doubling. Asserts: n ≥ 1. */
function levelWithin(n: number): number {
  let level = 0;
  for (let width = 1; width * 2 <= n; width *= 2) level += 1;
  return level;
}

/** Where RFC 6962 splits n leaves: the largest power of two smaller than n. Asserts: n ≥ 2. */
const splitOf = (n: number): number => 2 ** levelWithin(n - 1);

/** The complete subtrees covering [start, end), largest first, where `start` is aligned as a split leaves it. */
function subtreesOf(start: number, end: number): NodeId[] {
  const nodes: NodeId[] = [];
  for (let at = start; at < end; ) {
    const level = levelWithin(end - at);
    const width = 2 ** level;
    nodes.push({ level, index: at / width });
    at += width;
  }
  return nodes;
}

/** The complete subtrees a tree of this size consists of: the nodes of its compact range. */
export function rangeNodes(size: number): NodeId[] {
  demand(isSize(size), 'merkle_size_refused', `${size} is no size`);
  return subtreesOf(0, size);
}

/** What a proof needs: for each of its hashes, in its order, the adjoining complete subtrees it is folded from. */
export type ProofPlan = readonly (readonly NodeId[])[];

/**
 * Plans the inclusion proof of leaf `index` in the tree of `size` leaves.
 *
 * Returns: the leaf's sibling first, the root's child last.
 * Throws:  `merkle_size_refused`, `merkle_index_refused` unless 0 ≤ index < size.
 * Source:  RFC 6962 §2.1.1.
 */
export function inclusionPlan(index: number, size: number): ProofPlan {
  demand(isSize(size), 'merkle_size_refused', `${size} is no size`);
  demand(isSize(index) && index < size, 'merkle_index_refused', `no leaf ${index} among ${size}`);
  const plan: NodeId[][] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      plan.push(subtreesOf(middle, end));
      end = middle;
    } else {
      plan.push(subtreesOf(start, middle));
      start = middle;
    }
  }
  return plan.reverse();
}

/**
 * Plans the consistency proof from the tree of `oldSize` leaves to the tree of `size` leaves.
 *
 * Returns: nothing to fetch when the sizes are equal or the old tree is empty.
 * Throws:  `merkle_size_refused` unless 0 ≤ oldSize ≤ size.
 * Source:  RFC 6962 §2.1.2.
 */
export function consistencyPlan(oldSize: number, size: number): ProofPlan {
  demand(
    isSize(oldSize) && isSize(size) && oldSize <= size,
    'merkle_size_refused',
    `no growth from ${oldSize} to ${size}`,
  );
  if (oldSize === 0) return [];
  const plan: NodeId[][] = [];
  let start = 0;
  let end = size;
  while (oldSize !== end) {
    const middle = start + splitOf(end - start);
    if (oldSize <= middle) {
      plan.push(subtreesOf(middle, end));
      end = middle;
    } else {
      plan.push(subtreesOf(start, middle));
      start = middle;
    }
  }
  // the old tree itself is known to whoever asks; only a part of it must be shown
  if (start > 0) plan.push(subtreesOf(start, end));
  return plan.reverse();
}

/** Every subtree hash an inclusion proof is made from, for a store to fetch in one query. */
export function inclusionNodes(index: number, size: number): NodeId[] {
  return inclusionPlan(index, size).flat();
}

/** Every subtree hash a consistency proof is made from, for a store to fetch in one query. */
export function consistencyNodes(oldSize: number, size: number): NodeId[] {
  return consistencyPlan(oldSize, size).flat();
}

/** Hash of a complete subtree of the tree at hand. */
export type ReadNode = (level: number, index: number) => Uint8Array;

/** Makes the proof a plan describes from the hashes of its subtrees. */
export function assembleProof(sha256: Sha256, plan: ProofPlan, read: ReadNode): Uint8Array[] {
  return plan.map((part) =>
    foldSubtrees(
      sha256,
      part.map(({ level, index }) => read(level, index)),
    ),
  );
}

/** The inclusion proof of one leaf, leaf's sibling first. Throws: as `inclusionPlan`. */
export function inclusionProof(sha256: Sha256, read: ReadNode, index: number, size: number): Uint8Array[] {
  return assembleProof(sha256, inclusionPlan(index, size), read);
}

/** The consistency proof between two sizes. Throws: as `consistencyPlan`. */
export function consistencyProof(sha256: Sha256, read: ReadNode, oldSize: number, size: number): Uint8Array[] {
  return assembleProof(sha256, consistencyPlan(oldSize, size), read);
}

/**
 * Reads subtree hashes out of a list of all leaf hashes; for trees small enough to hold.
 *
 * Throws: `merkle_index_refused` when the subtree reaches beyond the list.
 */
export function readFromLeaves(sha256: Sha256, leafHashes: readonly Uint8Array[]): ReadNode {
  return (level, index) => {
    const { start, end } = leafSpan({ level, index });
    demand(isSize(start) && end <= leafHashes.length, 'merkle_index_refused', `no complete subtree ${level}/${index}`);
    return rootOf(sha256, leafHashes.slice(start, end));
  };
}

/**
 * Whether `proof` shows that `leaf` is leaf number `index` of the tree of `size` leaves with this root.
 *
 * Returns: true or false; total. Anything out of range, too long, too short or not 32 bytes is false.
 * Source:  RFC 9162 §2.1.3.2.
 */
export function verifyInclusion(
  sha256: Sha256,
  claim: { index: number; size: number; leaf: Uint8Array; proof: readonly Uint8Array[]; root: Uint8Array },
): boolean {
  const { index, size, leaf, proof, root } = claim;
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  if (!isHash(leaf) || !isHash(root) || !proof.every(isHash)) return false;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      hash = nodeHash(sha256, sibling, hash);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      hash = nodeHash(sha256, hash, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && sameBytes(hash, root);
}

/**
 * Whether `proof` shows that the tree of `size` leaves begins with the tree of `oldSize` leaves.
 *
 * Returns: true or false; total. Equal sizes need equal roots and no proof; an empty old tree needs its own root and no proof.
 * Source:  RFC 9162 §2.1.4.2; C2SP tlog-witness on old size 0.
 */
export function verifyConsistency(
  sha256: Sha256,
  claim: { oldSize: number; oldRoot: Uint8Array; size: number; root: Uint8Array; proof: readonly Uint8Array[] },
): boolean {
  const { oldSize, oldRoot, size, root, proof } = claim;
  if (!isSize(oldSize) || !isSize(size) || oldSize > size) return false;
  if (!isHash(oldRoot) || !isHash(root) || !proof.every(isHash)) return false;
  const empty = emptyRoot(sha256);
  if (size === 0 && !sameBytes(root, empty)) return false;
  if (oldSize === 0) return proof.length === 0 && sameBytes(oldRoot, empty);
  if (oldSize === size) return proof.length === 0 && sameBytes(oldRoot, root);

  let at = oldSize - 1;
  let last = size - 1;
  while (isOdd(at)) {
    at = half(at);
    last = half(last);
  }
  // an old tree that is one complete subtree is not repeated in its own proof
  const path = at === 0 ? [oldRoot, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let oldHash = first;
  let hash = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      oldHash = nodeHash(sha256, sibling, oldHash);
      hash = nodeHash(sha256, sibling, hash);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      hash = nodeHash(sha256, hash, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && sameBytes(oldHash, oldRoot) && sameBytes(hash, root);
}
