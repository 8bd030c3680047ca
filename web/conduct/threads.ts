/** What was said in one opening, sorted by who hears it: in public, and each bidder's own thread with the host. */
import { PEOPLE, type PersonRole } from '../../server/core/opening/roles.ts';
import type { HeldEntry } from '../replica/replica.ts';

/** `all`, or the bidder whose private thread it is. */
export type ThreadKey = 'all' | number;

export type Line = {
  readonly seq: number;
  readonly at: number;
  /** Who spoke: a bidder by its number, anybody else by role. */
  readonly by: number | PersonRole;
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
  for (const { entry, event } of entries) {
    if (event.type !== 'Said' && event.type !== 'SaidInPrivate') continue;
    const key = event.type === 'Said' ? 'all' : event.body.bidder;
    const bidder = event.type === 'Said' || event.body.by === 'bidder' ? event.body.bidder : null;
    const by: Line['by'] = bidder ?? roleOf(entry.actor.role);
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

/** Only people speak: the log has been verified. */
function roleOf(actor: string): PersonRole {
  const role = PEOPLE.find((one) => one === actor);
  if (role === undefined) throw new Error(`no person speaks as ${actor}`);
  return role;
}

const rank = ({ key, isUnanswered }: Thread): number => (key === 'all' ? 0 : isUnanswered ? 1 : 2);
const waitingSince = ({ lines, isUnanswered }: Thread): number =>
  isUnanswered ? (lines[lines.length - 1]?.at ?? 0) : 0;
const numberOf = ({ key }: Thread): number => (key === 'all' ? 0 : key);
