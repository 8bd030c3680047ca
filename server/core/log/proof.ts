/** C2SP .tlog-proof: one entry's index, its inclusion proof and the checkpoint, in one text that needs no server. */
import { fromBase64, toBase64 } from './base64.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { parseDecimal } from './decimal.ts';
import { demand, LogFormatError, recode } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';
import { verifyInclusion } from './merkle.ts';
import { type NoteVerifier, parseNote } from './note.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';
/** Hashes an inclusion proof may have: the height of the tallest tree the format can speak of. */
const PROOF_LIMIT_HASHES = 63;

/** A proof file: leaf index, sibling hashes from the leaf up, and the signed checkpoint word for word. */
export type TlogProof = { readonly index: number; readonly hashes: readonly Uint8Array[]; readonly checkpoint: string };

/** Writes a proof file. Throws: `proof_malformed`, and the codes of `parseNote` and `parseCheckpoint`. */
export function formatProof({ index, hashes, checkpoint }: TlogProof): string {
  demand(Number.isSafeInteger(index) && index >= 0, 'proof_malformed', `${index} is no index`);
  demand(hashes.length <= PROOF_LIMIT_HASHES, 'proof_malformed', 'too many hashes');
  demand(
    hashes.every((hash) => hash.length === HASH_BYTES),
    'proof_malformed',
    'a hash has 32 bytes',
  );
  parseCheckpoint(parseNote(checkpoint).text);
  return `${HEADER}\nindex ${index}\n${hashes.map((hash) => `${toBase64(hash)}\n`).join('')}\n${checkpoint}`;
}

/**
 * Reads a proof file; what it claims is not checked, see `verifyProof`.
 *
 * Throws: `proof_malformed`, and the codes of `parseNote` and `parseCheckpoint`.
 * Why:    the optional `extra` line of the public format is refused: nothing authenticates it and we have no use for it.
 */
export function parseProof(text: string): TlogProof {
  const split = text.indexOf('\n\n');
  demand(split >= 0, 'proof_malformed', 'no blank line before the checkpoint');
  const [header, indexLine, ...lines] = text.slice(0, split).split('\n');
  demand(header === HEADER, 'proof_malformed', `does not begin with ${HEADER}`);
  demand(indexLine?.startsWith('index ') === true, 'proof_malformed', 'the second line is not the index');
  const index = parseDecimal(indexLine.slice('index '.length));
  demand(index !== undefined, 'proof_malformed', 'the index is no number');
  demand(lines.length <= PROOF_LIMIT_HASHES, 'proof_malformed', 'too many hashes');
  const hashes = lines.map((line) => {
    const hash = recode('proof_malformed', () => fromBase64(line));
    demand(hash.length === HASH_BYTES, 'proof_malformed', 'a hash has 32 bytes');
    return hash;
  });
  const checkpoint = text.slice(split + 2);
  parseCheckpoint(parseNote(checkpoint).text);
  return { index, hashes, checkpoint };
}

/**
 * Whether a proof file shows that a leaf stands on a log.
 *
 * Returns: the index and the opened checkpoint, or why not: the code of the fault in the file or its signature, or
 *          `proof_does_not_hold` when the hashes do not lead from this leaf to that root.
 */
export async function verifyProof(options: {
  sha256: Sha256;
  proof: string;
  leaf: Uint8Array;
  logKey: NoteVerifier;
  cosigners?: readonly NoteVerifier[];
}): Promise<{ ok: true; index: number; checkpoint: Checkpoint } | { ok: false; reason: string }> {
  try {
    const { index, hashes, checkpoint: note } = parseProof(options.proof);
    const { checkpoint } = await openCheckpoint(note, options.logKey, options.cosigners);
    const { size, root } = checkpoint;
    const holds = verifyInclusion(options.sha256, { index, size, leaf: options.leaf, proof: hashes, root });
    return holds ? { ok: true, index, checkpoint } : { ok: false, reason: 'proof_does_not_hold' };
  } catch (fault) {
    if (fault instanceof LogFormatError) return { ok: false, reason: fault.code };
    throw fault;
  }
}
