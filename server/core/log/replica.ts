/** What a client keeps of a log it follows, so that no later head can quietly contradict an earlier one. */
import { sameBytes } from './bytes.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Sha256 } from './hash.ts';
import { appendLeaves, type CompactRange, EMPTY_RANGE, leafHash, rangeRoot, verifyConsistency } from './merkle.ts';
import type { Words } from './words.ts';

/** Why a head is not accepted. Only `head_is_older` is innocent; the others mean that the log showed two histories. */
export const REPLICA_REASONS = {
  head_of_other_log: { en: 'The head belongs to another log.', zh: '该树头属于另一份日志。' },
  head_is_older: { en: 'A newer head has been seen already.', zh: '此前已见过更新的树头。' },
  head_forks: {
    en: 'Two heads of the same size have different roots: the log was forked.',
    zh: '同一大小出现两个不同的根：日志已分叉。',
  },
  head_inconsistent: {
    en: 'The head does not continue the one seen before.',
    zh: '该树头不是此前所见树头的延续。',
  },
  head_without_entries: {
    en: 'The head covers entries that did not come with it.',
    zh: '该树头所覆盖的条目没有随之送达。',
  },
} as const satisfies Record<string, Words>;

export type ReplicaReason = keyof typeof REPLICA_REASONS;
export type ReplicaRefusal = { readonly ok: false; readonly reason: ReplicaReason; readonly words: Words };

const refuse = (reason: ReplicaReason): ReplicaRefusal => ({ ok: false, reason, words: REPLICA_REASONS[reason] });

/**
 * Whether a head may follow the last one a client kept, by a consistency proof.
 *
 * Shape:   both heads come from notes whose signatures were verified; `last` undefined accepts any first head.
 * Returns: `newer` false when it is the same head again; or the reason against it.
 */
export function acceptHead(
  sha256: Sha256,
  last: Checkpoint | undefined,
  next: Checkpoint,
  proof: readonly Uint8Array[],
): { ok: true; newer: boolean } | ReplicaRefusal {
  if (last === undefined) return { ok: true, newer: true };
  if (last.origin !== next.origin) return refuse('head_of_other_log');
  if (next.size < last.size) return refuse('head_is_older');
  if (next.size === last.size)
    return sameBytes(next.root, last.root) ? { ok: true, newer: false } : refuse('head_forks');
  const claim = { oldSize: last.size, oldRoot: last.root, size: next.size, root: next.root, proof };
  return verifyConsistency(sha256, claim) ? { ok: true, newer: true } : refuse('head_inconsistent');
}

/** A log followed entry by entry: no proof is needed, because every root is computed here. */
export type Replica = { readonly origin: string; readonly range: CompactRange; readonly last: Checkpoint | undefined };

/** A replica that has seen nothing yet. */
export function newReplica(origin: string): Replica {
  return { origin, range: EMPTY_RANGE, last: undefined };
}

/**
 * Takes the next entries and the head they lead to.
 *
 * Returns: the replica grown to that head; or the reason, and then nothing of it may be believed. The same head without
 *          entries is accepted again.
 * Why:     `entries` are what follows the entries already held. A head smaller than them cannot be checked here and is refused
 *          as older; with one that is larger, entries were lost on the way and the client must ask again.
 */
export function growReplica(
  sha256: Sha256,
  replica: Replica,
  entries: readonly Uint8Array[],
  head: Checkpoint,
): { ok: true; replica: Replica } | ReplicaRefusal {
  if (head.origin !== replica.origin) return refuse('head_of_other_log');
  const leaves = entries.map((entry) => leafHash(sha256, entry));
  const range = appendLeaves(sha256, replica.range, leaves);
  if (head.size < range.size) return refuse('head_is_older');
  if (head.size > range.size) return refuse('head_without_entries');
  if (!sameBytes(rangeRoot(sha256, range), head.root)) {
    return refuse(entries.length === 0 ? 'head_forks' : 'head_inconsistent');
  }
  return { ok: true, replica: { origin: replica.origin, range, last: head } };
}
