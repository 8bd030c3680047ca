/** Whether the head an act says it has seen is one of this log's: each act is its person's witness of the log. */
import { headSeenOf, type PersonAct } from '../core/log/act.ts';
import { fromBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { parseCheckpoint } from '../core/log/checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import { emptyRoot } from '../core/log/merkle.ts';
import { parseNote } from '../core/log/note.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { readCheckpoint } from '../store/read-log.ts';

/**
 * Was the head that this act names shown by this log?
 *
 * Returns: true for an act that names none (a statement), and for the empty log; false for a size that never had a checkpoint or
 *          had another root: somebody showed this person another history, and the refusal tells it.
 */
export async function wasShown(sql: Sql, origin: string, act: PersonAct): Promise<boolean> {
  const seen = headSeenOf(act);
  if (seen === null) return true;
  const root = rootBytes(seen.root);
  if (root === null) return false;
  if (seen.size === 0) return sameBytes(root, emptyRoot(sha256));
  const note = await readCheckpoint(sql, origin, seen.size);
  return note !== null && sameBytes(parseCheckpoint(parseNote(note).text).root, root);
}

function rootBytes(text: string): Uint8Array | null {
  try {
    return fromBase64(text);
  } catch (error) {
    if (error instanceof LogFormatError) return null;
    throw error;
  }
}
