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

/** Heads remembered as shown; of older ones the database is asked. */
export const HEADS_LIMIT = 10_000;

export type HeadsShown = {
  /**
   * Was the head that this act names shown by this log?
   *
   * Returns: true for an act that names none (a statement), and for the empty log; false for a size that never had a checkpoint
   *          or had another root: somebody showed this person another history, and the refusal tells it.
   */
  wasShown(origin: string, act: PersonAct): Promise<boolean>;
  /** Remembers a head that was let out. */
  note(origin: string, size: number, root: Uint8Array): void;
};

export function createHeadsShown(sql: Sql): HeadsShown {
  /** Roots by log and size, those used last at the end. */
  const roots = new Map<string, Uint8Array>();
  const nameOf = (origin: string, size: number): string => `${size} ${origin}`;

  function remember(name: string, root: Uint8Array): void {
    roots.delete(name);
    roots.set(name, root);
    for (const oldest of roots.keys()) {
      if (roots.size <= HEADS_LIMIT) break;
      roots.delete(oldest);
    }
  }

  async function rootOf(origin: string, size: number): Promise<Uint8Array | null> {
    const name = nameOf(origin, size);
    const known = roots.get(name);
    const root = known ?? (await readRoot(sql, origin, size));
    if (root !== null) remember(name, root);
    return root;
  }

  return {
    note: (origin, size, root) => remember(nameOf(origin, size), root),
    async wasShown(origin, act) {
      const seen = headSeenOf(act);
      if (seen === null) return true;
      const root = rootBytes(seen.root);
      if (root === null) return false;
      if (seen.size === 0) return sameBytes(root, emptyRoot(sha256));
      const shown = await rootOf(origin, seen.size);
      return shown !== null && sameBytes(shown, root);
    },
  };
}

/** The root that this log had at this size; null when no append ended there. */
async function readRoot(sql: Sql, origin: string, size: number): Promise<Uint8Array | null> {
  const note = await readCheckpoint(sql, origin, size);
  return note === null ? null : parseCheckpoint(parseNote(note).text).root;
}

function rootBytes(text: string): Uint8Array | null {
  try {
    return fromBase64(text);
  } catch (error) {
    if (error instanceof LogFormatError) return null;
    throw error;
  }
}
