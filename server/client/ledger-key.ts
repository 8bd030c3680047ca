/** The platform's key for receipts as its ledger lists it, proven to stand in the ledger's first entry. */
import { openCheckpoint } from '../core/log/checkpoint.ts';
import { parseEntry } from '../core/log/entry.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { inclusionPlan, leafHash, verifyInclusion } from '../core/log/merkle.ts';
import type { NoteVerifier } from '../core/log/note.ts';
import { formatProof } from '../core/log/proof.ts';
import { bundlesOf, formatTilePath, parseBundle } from '../core/log/tile.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { listedReceiptKey, type ReceiptKey } from '../core/seal/receipt-key.ts';
import { assembleFromTiles, type ReadTile } from './tile-proofs.ts';

/** The key with what proves that the ledger lists it: the exact text of the ledger's first entry, the entry's `.tlog-proof`. */
export type ListedKey = {
  readonly key: ReceiptKey;
  readonly entry: string;
  readonly proof: string;
  /** The ledger's signed head of now. */
  readonly note: string;
};

/**
 * Reads the key.
 *
 * Returns: what speaks against it as text.
 * Throws:  LogFormatError for a ledger that is none; what `readFile` throws.
 * Why:     a receipt checked by a key that came with it would prove nothing. The first entry of the ledger is the same for everyone, and
 *          whoever tails the ledger would see a second one.
 */
export async function readListedKey(
  sha256: Sha256,
  readFile: ReadTile,
  verifier: NoteVerifier,
): Promise<ListedKey | { readonly doubt: string }> {
  const note = fromUtf8(await readFile('checkpoint'));
  const { checkpoint } = await openCheckpoint(note, verifier);
  const { size, root } = checkpoint;
  const [bundle] = bundlesOf(size);
  const [first] = bundle === undefined ? [] : parseBundle(await readFile(formatTilePath(bundle)), bundle.width);
  if (first === undefined) return { doubt: 'the ledger is empty' };
  const hashes = await assembleFromTiles(sha256, readFile, inclusionPlan(0, size), size);
  if (!verifyInclusion(sha256, { index: 0, size, leaf: leafHash(sha256, first), proof: hashes, root }))
    return { doubt: 'the ledger’s first entry is not on it' };
  const key = listedReceiptKey(sha256, parseEntry(first), verifier.name);
  if (key === null) return { doubt: 'the ledger’s first entry lists no receipt key' };
  return { key, entry: fromUtf8(first), proof: formatProof({ index: 0, hashes, checkpoint: note }), note };
}
