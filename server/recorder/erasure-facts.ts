/** What the log has of a field that is to be erased, and the erasing itself: the one way a disclosure leaves the database. */
import { parseEntry } from '../core/log/entry.ts';
import { isErasable } from '../core/opening/erasure.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import type { TransactionSql } from '../store/driver.ts';

/** Is there this field in this entry, may it be erased, and is its disclosure still there? */
export async function lookAtErasure(
  tx: TransactionSql,
  origin: string,
  { seq, field }: { readonly seq: number; readonly field: string },
): Promise<boolean> {
  const [found] = await tx<{ bytes: Uint8Array }[]>`
    SELECT e.bytes FROM entries e JOIN disclosures d ON d.origin = e.origin AND d.seq = e.seq AND d.field = ${field}
    WHERE e.origin = ${origin} AND e.seq = ${seq}`;
  return found !== undefined && isErasable(parseEntry(found.bytes).type, field);
}

/**
 * Destroys what the `Erased` entries of a round name, behind the append of these entries in the same transaction.
 *
 * Why: the server may delete no disclosure; the database's own function does, and only for an `Erased` entry that stands on the log.
 */
export async function eraseNamed(
  tx: TransactionSql,
  origin: string,
  made: readonly { readonly event: LoggedEvent }[],
): Promise<void> {
  for (const { event } of made) if (event.type === 'Erased') await tx`SELECT erase_disclosure(${origin}, ${event.seq})`;
}
