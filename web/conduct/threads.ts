/** What was said in one opening, sorted by who hears it: in public, and each bidder's own thread with the host. */
import type { HeldEntry } from '../replica/replica.ts';

/** `all`, or the bidder whose private thread it is. */
export type ThreadKey = 'all' | number;

export type Line = {
  readonly seq: number;
  readonly at: number;
  /** Who spoke: a bidder by its number, anybody else by role. */
  readonly by: number | 'officials' | 'host';
  /** Verbatim; null where this viewer may not read it. */
  readonly text: string | null;
};

export type Thread = {
  readonly key: ThreadKey;
  readonly lines: readonly Line[];
  /** A bidder spoke last: in private nobody has answered it. */
  readonly isUnanswered: boolean;
};

/**
 * The threads, the public one first, then those that wait for an answer, the longest waiting first, then the others by number.
 *
 * Shape: of an empty chat the public thread alone.
 */
export function threadsOf(entries: readonly HeldEntry[]): Thread[] {
  const lines = new Map<ThreadKey, Line[]>([['all', []]]);
  for (const { event } of entries) {
    if (event.type !== 'Said' && event.type !== 'SaidInPrivate') continue;
    const key = event.type === 'Said' ? 'all' : event.body.bidder;
    const by: Line['by'] = event.type === 'Said' ? (event.body.bidder ?? 'officials') : speakerOf(event.body);
    const text = event.fields['text'];
    const line = { seq: event.seq, at: event.at, by, text: text?.known === true ? String(text.value) : null };
    lines.set(key, [...(lines.get(key) ?? []), line]);
  }
  const threads = [...lines].map(([key, said]): Thread => {
    const last = said[said.length - 1];
    return { key, lines: said, isUnanswered: key !== 'all' && typeof last?.by === 'number' };
  });
  return threads.sort((a, b) => rank(a) - rank(b) || waitingSince(a) - waitingSince(b) || numberOf(a) - numberOf(b));
}

function speakerOf({ by, bidder }: { readonly by: 'bidder' | 'host'; readonly bidder: number }): number | 'host' {
  return by === 'host' ? 'host' : bidder;
}

const rank = ({ key, isUnanswered }: Thread): number => (key === 'all' ? 0 : isUnanswered ? 1 : 2);
const waitingSince = ({ lines, isUnanswered }: Thread): number =>
  isUnanswered ? (lines[lines.length - 1]?.at ?? 0) : 0;
const numberOf = ({ key }: Thread): number => (key === 'all' ? 0 : key);
