/** How an opening's log ended: its last entry but for erasures and those by whom they are done, which alone may stand behind the terminal one. */
import { type Entry, parseEntry } from '../core/log/entry.ts';
import { ERASURE_EVENTS } from '../core/opening/erasure-events.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readEntries } from '../store/read-log.ts';

/** The event behind which an opening's log takes nothing but erasures and the roles given for them. */
export const TERMINAL_TYPE = 'OpeningArchived';

const mayFollow = ({ type }: Entry): boolean => Object.hasOwn(ERASURE_EVENTS, type) || type === 'RoleAssigned';

/** The entry that `last`, or the ones before it, leads back to: itself unless it may stand behind the end. */
export async function endingBefore(sql: Sql | TransactionSql, origin: string, last: Entry): Promise<Entry> {
  let entry = last;
  while (mayFollow(entry)) {
    const [before] = await readEntries(sql, origin, entry.seq - 1, entry.seq);
    // none of these is the first entry of a log, so there is one before
    entry = parseEntry(before?.bytes ?? new Uint8Array());
  }
  return entry;
}
