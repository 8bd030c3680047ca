/** Heads of logs as the ledger records them: each with its signed checkpoint and the proof that it continues the one before. */
import { fromBase64, toBase64 } from './base64.ts';
import { sameBytes } from './bytes.ts';
import type { JsonObject } from './canonical.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { demand, recode } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';
import { verifyConsistency } from './merkle.ts';
import { parseNote } from './note.ts';

/** `opened` is a log's first head in the ledger, `closed` one behind its terminal entry; behind that only a `closed` one follows, of a log in which something was erased. */
export const HEAD_KINDS = ['opened', 'head', 'closed'] as const;
export type HeadKind = (typeof HEAD_KINDS)[number];

/** One head: the signed note, what it says, and the consistency proof from `previousSize`, the size of the head before. */
export type LedgerHead = {
  readonly kind: HeadKind;
  readonly checkpoint: Checkpoint;
  readonly note: string;
  readonly previousSize: number;
  readonly consistency: readonly Uint8Array[];
};

const MEMBERS = ['kind', 'origin', 'size', 'root', 'checkpoint', 'previousSize', 'consistency'];

/** The body of the ledger's entry for a head. Throws: the codes of `parseNote` and `parseCheckpoint`, `head_malformed`. */
export function headBody(head: Omit<LedgerHead, 'checkpoint'>): JsonObject {
  const { origin, size, root } = parseCheckpoint(parseNote(head.note).text);
  const body: JsonObject = {
    kind: head.kind,
    origin,
    size,
    root: toBase64(root),
    checkpoint: head.note,
    previousSize: head.previousSize,
    consistency: head.consistency.map(toBase64),
  };
  readHead(body);
  return body;
}

/**
 * Reads the body of a ledger entry for a head.
 *
 * Throws: `head_malformed` when a member is missing, unknown or contradicts the checkpoint's own text; when `opened` has a head
 *         before it, or another kind has none. No signature and no proof is checked here.
 */
export function readHead(body: JsonObject): LedgerHead {
  return recode('head_malformed', () => {
    const { kind, origin, size, root, checkpoint: note, previousSize, consistency } = body;
    const names = Object.keys(body);
    demand(names.length === MEMBERS.length, 'head_malformed', 'members are missing or unknown');
    const known = HEAD_KINDS.find((name) => name === kind);
    demand(known !== undefined, 'head_malformed', 'unknown kind');
    demand(typeof note === 'string', 'head_malformed', 'no checkpoint');
    const checkpoint = parseCheckpoint(parseNote(note).text);
    const isSame = origin === checkpoint.origin && size === checkpoint.size && root === toBase64(checkpoint.root);
    demand(isSame, 'head_malformed', 'not what its checkpoint says');
    demand(Number.isSafeInteger(previousSize), 'head_malformed', 'previousSize is no size');
    const before = previousSize as number;
    demand(known === 'opened' ? before === 0 : before > 0, 'head_malformed', 'only the first head has none before it');
    demand(Array.isArray(consistency), 'head_malformed', 'no consistency proof');
    const hashes = consistency.map((text: unknown) => {
      demand(typeof text === 'string', 'head_malformed', 'a hash is no text');
      const hash = fromBase64(text);
      demand(hash.length === HASH_BYTES, 'head_malformed', 'a hash has 32 bytes');
      return hash;
    });
    return { kind: known, checkpoint, note, previousSize: before, consistency: hashes };
  });
}

export type HeadRefusal =
  | 'head_of_other_log'
  | 'head_opened_twice'
  | 'head_before_opened'
  | 'head_after_closed'
  | 'head_size_differs'
  | 'head_inconsistent';

/**
 * Whether a head may follow the last one of the same log in the ledger; `previous` undefined = the ledger has none yet.
 *
 * Returns: undefined when it may, or the reason. The checkpoint's signature is for `openCheckpoint`.
 * Why:     a second `opened` of one origin is how a hidden second log of the same opening would have to appear.
 */
export function checkHead(sha256: Sha256, previous: LedgerHead | undefined, head: LedgerHead): HeadRefusal | undefined {
  if (previous === undefined) return head.kind === 'opened' ? undefined : 'head_before_opened';
  if (previous.checkpoint.origin !== head.checkpoint.origin) return 'head_of_other_log';
  if (head.kind === 'opened') return 'head_opened_twice';
  if (previous.kind === 'closed' && head.kind !== 'closed') return 'head_after_closed';
  if (head.previousSize !== previous.checkpoint.size) return 'head_size_differs';
  const { size, root } = head.checkpoint;
  const claim = {
    oldSize: previous.checkpoint.size,
    oldRoot: previous.checkpoint.root,
    size,
    root,
    proof: head.consistency,
  };
  return verifyConsistency(sha256, claim) ? undefined : 'head_inconsistent';
}

/** Whether two heads say the same of one log. */
export function isSameHead(a: Checkpoint, b: Checkpoint): boolean {
  return a.origin === b.origin && a.size === b.size && sameBytes(a.root, b.root);
}
