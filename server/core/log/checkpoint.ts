/** C2SP checkpoints: the three lines that say how large a log is and what its root is, and their opening by the log's key. */
import { fromBase64, toBase64 } from './base64.ts';
import { parseDecimal } from './decimal.ts';
import { demand, recode } from './error.ts';
import { HASH_BYTES } from './hash.ts';
import { isKeyName } from './key-name.ts';
import { type NoteSignature, type NoteVerifier, openNote } from './note.ts';

/** A log's head. `size` is the number of entries, `root` the 32 bytes of the RFC 6962 root over them. */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Uint8Array };

/** Writes the text of a checkpoint. Throws: `checkpoint_malformed` when a part does not fit. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  demand(isKeyName(origin), 'checkpoint_malformed', 'the origin cannot name a log');
  demand(Number.isSafeInteger(size) && size >= 0, 'checkpoint_malformed', `${size} is no size`);
  demand(root.length === HASH_BYTES, 'checkpoint_malformed', 'a root has 32 bytes');
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Reads the text of a checkpoint: exactly three lines. Throws: `checkpoint_malformed`, also on extension lines. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin, sizeText, rootText, end] = lines;
  demand(lines.length === 4 && end === '', 'checkpoint_malformed', 'not three lines');
  demand(isKeyName(origin), 'checkpoint_malformed', 'the origin cannot name a log');
  const size = parseDecimal(sizeText as string);
  demand(size !== undefined, 'checkpoint_malformed', 'the second line is no size');
  const root = recode('checkpoint_malformed', () => fromBase64(rootText as string));
  demand(root.length === HASH_BYTES, 'checkpoint_malformed', 'a root has 32 bytes');
  return { origin, size, root };
}

/**
 * Reads the text of any log's checkpoint, with extension lines behind its three or without.
 *
 * Throws: `checkpoint_malformed`. Our own logs have none, and `parseCheckpoint` refuses them; a cosigner takes those of others.
 */
export function parseForeignCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const end = lines.pop();
  demand(end === '' && lines.slice(3).every((line) => line !== ''), 'checkpoint_malformed', 'an empty line');
  return parseCheckpoint(`${lines.slice(0, 3).join('\n')}\n`);
}

/**
 * Opens a signed checkpoint of one log.
 *
 * Returns: the checkpoint, its text, and the verified signatures (the log's own and known cosigners').
 * Throws:  as `openNote`; `note_unsigned` when the log's own key is not among the signers, however many cosigners are;
 *          `checkpoint_malformed`; `checkpoint_other_log` when the origin is not the name of the log's key.
 */
export async function openCheckpoint(
  note: string | Uint8Array,
  logKey: NoteVerifier,
  cosigners: readonly NoteVerifier[] = [],
): Promise<{ checkpoint: Checkpoint; text: string; signatures: NoteSignature[] }> {
  const { text, signatures } = await openNote(note, [logKey, ...cosigners]);
  const bySelf = signatures.some(({ name, keyId }) => name === logKey.name && keyId === logKey.keyId);
  demand(bySelf, 'note_unsigned', 'the log itself did not sign');
  const checkpoint = parseCheckpoint(text);
  demand(checkpoint.origin === logKey.name, 'checkpoint_other_log', `the origin is ${checkpoint.origin}`);
  return { checkpoint, text, signatures };
}
