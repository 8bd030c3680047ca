/** Roots of a ledger at sizes that somebody else speaks of, kept while it is read: what is anchored or stamped elsewhere is held against them. */
import { sameBytes } from '../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../core/log/checkpoint.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { appendLeaves, EMPTY_RANGE, rangeRoot } from '../core/log/merkle.ts';
import { ed25519Verifier } from '../core/log/note.ts';
import { type Covered, keyOf, type LedgersHead } from './anchoring.ts';
import type { StampedNote } from './source.ts';
import type { VerifyTools } from './tools.ts';
import { type Refused, refuse } from './words.ts';

/** The head that a note says, signed by this ledger; null for any other text. */
export async function openedBy(
  { sha256, verifyEd25519 }: VerifyTools,
  note: string,
  vkey: string,
): Promise<Checkpoint | null> {
  const key = keyOf(sha256, vkey);
  if ('ok' in key) return null;
  try {
    return (await openCheckpoint(note, ed25519Verifier(key, verifyEd25519))).checkpoint;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** How many entries of the log a stamped head of the ledger covers; null where it covers none, or more of the ledger than was read. */
export function coveredBy(
  found: StampedNote,
  stamped: Checkpoint | null,
  heads: readonly LedgersHead[],
  marks: Marks,
): Covered | Refused | null {
  if (stamped === null || marks.differs(stamped)) return refuse('timestamp_other_ledger');
  const last = heads.findLast(({ seq }) => seq < stamped.size);
  return marks.seen() < stamped.size || last === undefined ? null : { entries: last.size, found };
}

export type Marks = {
  add(leaf: Uint8Array): void;
  /** Leaves so far. */
  seen(): number;
  /** Whether this head is of a size that was reached, and has another root than the ledger had there. */
  differs(head: Checkpoint): boolean;
};

/** Keeps the roots of a ledger at the sizes of these heads as its leaves come by. */
export function markRoots(sha256: Sha256, heads: readonly (Checkpoint | null)[]): Marks {
  const sizes = new Set(heads.flatMap((head) => head?.size ?? []));
  const largest = Math.max(0, ...sizes);
  const roots = new Map<number, Uint8Array>();
  let range = EMPTY_RANGE;
  let seen = 0;
  return {
    add(leaf) {
      seen += 1;
      if (seen > largest) return;
      range = appendLeaves(sha256, range, [leaf]);
      if (sizes.has(seen)) roots.set(seen, rangeRoot(sha256, range));
    },
    seen: () => seen,
    differs({ size, root }) {
      const own = roots.get(size);
      return own !== undefined && !sameBytes(own, root);
    },
  };
}
