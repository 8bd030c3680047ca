/** Batches of lodgement-register acts: a salted tree of fixed depth whose one ledger entry never tells how many acts it holds. */
import { fromBase64, toBase64 } from './base64.ts';
import { joinBytes, uint32Bytes } from './bytes.ts';
import type { JsonObject } from './canonical.ts';
import { demand, recode } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';
import { inclusionProof, leafHash, readFromLeaves, rootOf, verifyInclusion } from './merkle.ts';
import { utf8 } from './utf8.ts';

/** Depth of every batch tree. */
export const BATCH_DEPTH = 12;
/** Places in a batch: 2^12. */
export const BATCH_LEAVES = 4096;
/**
 * Acts in a batch at most; more wait for the next one.
 *
 * Why: a quarter of the places, so that the entry which one day reveals the others has room for every act's leaf.
 */
export const BATCH_ACTS = 1024;
/** Bytes behind a dummy leaf: as random as a disclosure's salt, so that the two cannot be told apart. */
export const DUMMY_BYTES = 32;

/** Leaf of a real act: the leaf hash over the ASCII of the act's disclosure, whose salt hides it. */
export function batchLeaf(sha256: Sha256, disclosure: string): Uint8Array {
  return leafHash(sha256, utf8(disclosure));
}

/** Leaf nobody stands behind: the leaf hash of 32 random bytes. Throws: `batch_malformed` on another length. */
export function dummyLeaf(sha256: Sha256, random: Uint8Array): Uint8Array {
  demand(random.length === DUMMY_BYTES, 'batch_malformed', `a dummy has ${DUMMY_BYTES} bytes`);
  return leafHash(sha256, random);
}

/**
 * The 32 bytes behind the dummy at a place: SHA-256(seed ‖ place in four bytes, big-endian).
 *
 * Why: as good as random to whoever lacks the seed; and the seed alone, once it is shown, makes all of them again. It says
 *      nothing of an act, whose salt is drawn by itself.
 */
export function dummyBytes(sha256: Sha256, seed: Uint8Array, place: number): Uint8Array {
  return sha256(joinBytes(seed, uint32Bytes(place)));
}

/** All leaves of a batch: the acts' at their places, dummies of the seed everywhere else. */
export function batchLeaves(sha256: Sha256, seed: Uint8Array, acts: ReadonlyMap<number, Uint8Array>): Uint8Array[] {
  return Array.from(
    { length: BATCH_LEAVES },
    (_, place) => acts.get(place) ?? dummyLeaf(sha256, dummyBytes(sha256, seed, place)),
  );
}

/** Root over all places of a batch. Throws: `batch_malformed` unless there are 4,096. */
export function batchRoot(sha256: Sha256, leaves: readonly Uint8Array[]): Uint8Array {
  demand(leaves.length === BATCH_LEAVES, 'batch_malformed', `a batch has ${BATCH_LEAVES} leaves`);
  return rootOf(sha256, leaves);
}

/** The twelve hashes that lead from one place to the root, sibling first. Throws: `batch_malformed`, `merkle_index_refused`. */
export function batchProof(sha256: Sha256, leaves: readonly Uint8Array[], position: number): Uint8Array[] {
  demand(leaves.length === BATCH_LEAVES, 'batch_malformed', `a batch has ${BATCH_LEAVES} leaves`);
  return inclusionProof(sha256, readFromLeaves(sha256, leaves), position, BATCH_LEAVES);
}

/** Whether an act's disclosure stands at a place of the batch with this root. Returns: total. */
export function verifyBatchAct(
  sha256: Sha256,
  claim: { disclosure: string; position: number; proof: readonly Uint8Array[]; root: Uint8Array },
): boolean {
  const { disclosure, position, proof, root } = claim;
  const leaf = batchLeaf(sha256, disclosure);
  return verifyInclusion(sha256, { index: position, size: BATCH_LEAVES, leaf, proof, root });
}

/** Body of the ledger's entry for a batch: always the same length. */
export function batchBody(root: Uint8Array): JsonObject {
  demand(root.length === HASH_BYTES, 'batch_malformed', 'a root has 32 bytes');
  return { depth: BATCH_DEPTH, root: toBase64(root) };
}

/** Reads the body of a batch's entry. Returns: the root. Throws: `batch_malformed`. */
export function readBatch(body: JsonObject): Uint8Array {
  return recode('batch_malformed', () => {
    const { depth, root } = body;
    demand(Object.keys(body).length === 2 && depth === BATCH_DEPTH, 'batch_malformed', 'not a batch of depth 12');
    demand(typeof root === 'string', 'batch_malformed', 'no root');
    const bytes = fromBase64(root);
    demand(bytes.length === HASH_BYTES, 'batch_malformed', 'a root has 32 bytes');
    return bytes;
  });
}
