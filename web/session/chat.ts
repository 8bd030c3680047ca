/** What is said to all in the rooms of one session, brought together in the order of time; every line stands on the log of its lot. */
import type { HeldEntry } from '../replica/replica.ts';

/** What an official says again in another lot within so long is one message to both, ms. */
export const SAID_AGAIN_MS = 10_000;

/** The public messages and notices of one lot's log, as this page has verified them. */
export type LotLog = { readonly openingId: string; readonly entries: readonly HeldEntry[] };

export type ChatLine = {
  /** Unique in a session. */
  readonly key: string;
  readonly at: number;
  /** Its place in the log of its lot. */
  readonly seq: number;
  readonly kind: 'message' | 'notice';
  /** The lots it was said in: several where an official said the same in one lot after another. */
  readonly openingIds: readonly string[];
  /** Who spoke: an official by role, a bidder by its number in its lot. */
  readonly by: { readonly role: string } | { readonly bidder: number };
  /** Verbatim; null where this viewer may not read it. */
  readonly text: string | null;
};

/**
 * The lines of a session, oldest first.
 *
 * Why: lots keep their own logs, and what the host says to ten lots in one request stands on ten of them; it is shown once. Only
 *      lines next to each other are brought together: what was said between them keeps its place.
 */
export function chatOf(lots: readonly LotLog[]): ChatLine[] {
  const lines = lots
    .flatMap(({ openingId, entries }) => entries.flatMap((held) => lineOf(openingId, held) ?? []))
    .sort((a, b) => a.at - b.at || compareText(a.openingIds[0], b.openingIds[0]) || a.seq - b.seq);
  const chat: ChatLine[] = [];
  for (const line of lines) {
    const last = chat[chat.length - 1];
    if (last !== undefined && isSaidAgain(last, line))
      chat[chat.length - 1] = { ...last, openingIds: [...last.openingIds, ...line.openingIds] };
    else chat.push(line);
  }
  return chat;
}

const compareText = (a = '', b = ''): number => (a === b ? 0 : a < b ? -1 : 1);

function lineOf(openingId: string, { entry, event }: HeldEntry): ChatLine | null {
  if (event.type !== 'Said' && event.type !== 'NoticeGiven') return null;
  const { text } = event.fields;
  const bidder = event.type === 'Said' ? event.body.bidder : null;
  return {
    key: `${openingId}/${event.seq}`,
    at: event.at,
    seq: event.seq,
    kind: event.type === 'Said' ? 'message' : 'notice',
    openingIds: [openingId],
    by: bidder === null ? { role: entry.actor.role } : { bidder },
    text: text?.known === true && typeof text.value === 'string' ? text.value : null,
  };
}

/** Has an official said the same in another lot, with nothing between? */
function isSaidAgain(before: ChatLine, line: ChatLine): boolean {
  if (!('role' in before.by) || !('role' in line.by) || line.text === null) return false;
  if (line.at - before.at > SAID_AGAIN_MS) return false;
  const isElsewhere = line.openingIds.every((lot) => !before.openingIds.includes(lot));
  return isElsewhere && before.by.role === line.by.role && before.kind === line.kind && before.text === line.text;
}
