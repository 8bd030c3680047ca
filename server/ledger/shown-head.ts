/** What a note that somebody shows us proves about our own ledger: that it is of the history we keep, or that our key signed another. */
import { sameBytes } from '../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/log/checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import { ed25519Verifier, parseVkey } from '../core/log/note.ts';
import { verifyEd25519 } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { rootAt } from '../store/read-log.ts';

/**
 * `nothing`: no signature of ours stands on it, so that anybody may have made it up. `ours`: a head of the history in the database.
 * `contrary`: our key signed it, and it is larger than all that is committed (`cosigner_is_ahead`) or has another root than we have of
 * that size (`cosigner_differs`). Nobody can forge that without our key: it proves that the platform has, or had, a second history.
 */
export type ShownHead =
  | { readonly shown: 'nothing' }
  | { readonly shown: 'ours'; readonly size: number }
  | {
      readonly shown: 'contrary';
      readonly size: number;
      readonly code: 'cosigner_is_ahead' | 'cosigner_differs';
    };

/**
 * Judges a note by our own signature on it (`vkeys`: every key the ledger has had) and by the tree in the database, which is read after the note came: what is committed
 * meanwhile, by whichever process, is ours.
 *
 * Throws: LogDamagedError when the database lacks what it must hold; what the database throws.
 */
export async function judgeShown(sql: Sql, vkeys: readonly string[], note: Uint8Array | null): Promise<ShownHead> {
  const checkpoint = note === null ? null : await signedByUs(vkeys, note);
  if (checkpoint === null) return { shown: 'nothing' };
  const { origin, size, root } = checkpoint;
  const [log] = await sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
  if (size > (log?.size ?? 0)) return { shown: 'contrary', size, code: 'cosigner_is_ahead' };
  if (!sameBytes(root, await rootAt(sql, origin, size))) return { shown: 'contrary', size, code: 'cosigner_differs' };
  return { shown: 'ours', size };
}

/** The checkpoint of a note that one of these keys signed. */
async function signedByUs(vkeys: readonly string[], note: Uint8Array): Promise<Checkpoint | null> {
  for (const vkey of vkeys)
    try {
      return (await openCheckpoint(note, ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519))).checkpoint;
    } catch (fault) {
      // not a note of this key; perhaps of the next
      if (!(fault instanceof LogFormatError)) throw fault;
    }
  return null;
}
