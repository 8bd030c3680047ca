/** Two heads of one log that cannot both be true, put together so that anybody can see it with the log's key alone. */
import { fromBase64, toBase64 } from './base64.ts';
import { sameBytes } from './bytes.ts';
import { canonicalise, isJsonObject, parseCanonical } from './canonical.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { LogFormatError } from './error.ts';
import type { Sha256 } from './hash.ts';
import { verifyConsistency } from './merkle.ts';
import type { NoteVerifier } from './note.ts';

/**
 * What contradicts itself: two signed notes, word for word, and where they are of different sizes a third text, canonical JSON
 * `{size, root, consistency}`: the root (base64) that the log of the first note had at the second's size, with the RFC 6962
 * consistency proof from there to the first.
 */
export type ForkEvidence = readonly string[];

/** Writes the third text. `size` and `root` of the past of a larger log, `proof` from there to it. */
export function pastOf(size: number, root: Uint8Array, proof: readonly Uint8Array[]): string {
  return canonicalise({ size, root: toBase64(root), consistency: proof.map(toBase64) });
}

/**
 * Whether the evidence convicts the holder of the log's key, or of its keys where one followed another.
 *
 * Returns: true only when he signed both notes, of one log, and the second's root is none that the first's log had at its size; total.
 */
export async function isFork(
  sha256: Sha256,
  [note, other, past]: ForkEvidence,
  ...logKeys: readonly NoteVerifier[]
): Promise<boolean> {
  if (note === undefined || other === undefined) return false;
  try {
    const one = await openBy(note, logKeys);
    const two = await openBy(other, logKeys);
    if (one === null || two === null || one.origin !== two.origin) return false;
    if (one.size === two.size) return !sameBytes(one.root, two.root);
    if (past === undefined || two.size > one.size) return false;
    const said = parseCanonical(past);
    if (!isJsonObject(said) || !Array.isArray(said['consistency']) || said['size'] !== two.size) return false;
    const oldRoot = fromBase64(String(said['root']));
    const proof = said['consistency'].map((hash) => fromBase64(String(hash)));
    const claim = { oldSize: two.size, oldRoot, size: one.size, root: one.root, proof };
    return verifyConsistency(sha256, claim) && !sameBytes(oldRoot, two.root);
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

/** The checkpoint, if one of the keys signed it; null when none did. */
async function openBy(note: string, keys: readonly NoteVerifier[]): Promise<Checkpoint | null> {
  for (const key of keys) {
    try {
      return (await openCheckpoint(note, key)).checkpoint;
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
    }
  }
  return null;
}
