/** How an opening's log ended: its last entry but for erasures, which alone may stand behind the terminal one. */
import { type Entry, parseEntry } from '../core/log/entry.ts';
import { ERASURE_EVENTS } from '../core/opening/erasure-events.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readEntries } from '../store/read-log.ts';

/** The event behind which an opening's log takes erasures and nothing else. */
export const TERMINAL_TYPE = 'OpeningArchived';

const isErasure = ({ type }: Entry): boolean => Object.hasOwn(ERASURE_EVENTS, type);

/** The entry that `last`, or the ones before it, leads back to: itself unless it is of an erasure. */
export async function endingBefore(sql: Sql | TransactionSql, origin: string, last: Entry): Promise<Entry> {
  let entry = last;
  while (isErasure(entry)) {
    const [before] = await readEntries(sql, origin, entry.seq - 1, entry.seq);
    // an erasure names an earlier entry, so there is one
    entry = parseEntry(before?.bytes ?? new Uint8Array());
  }
  return entry;
}
