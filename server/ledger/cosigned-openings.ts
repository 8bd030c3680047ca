/** Whether what stands on an opening's log was countersigned: through the ledger, which is all that cosigners sign. */
import { parseEntry } from '../core/log/entry.ts';
import { readHead } from '../core/log/head.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { IsCosigned } from '../recorder/closing.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readEntries } from '../store/read-log.ts';
import { cosignedHead } from './cosignatures.ts';

/** Where `ledger_heads` says that a head was taken; that table is only an index of the entries, which were signed. */
type Held = { readonly size: number; readonly ledgerSeq: number };

/** Whether the ledger holds a head of a log, of its size or larger, under a head of its own that the quorum signed. */
export const isCosignedIn =
  (ledger: string): IsCosigned =>
  async (sql, { origin, size }, cosigners) => {
    const [held] = await sql<Held[]>`
      SELECT size, ledger_seq AS "ledgerSeq" FROM ledger_heads
      WHERE origin = ${origin} AND size >= ${size} ORDER BY size LIMIT 1`;
    if (held === undefined) return false;
    const head = await cosignedHead(sql, ledger, cosigners);
    return head !== null && held.ledgerSeq < head.size && (await holds(sql, ledger, origin, held));
  };

/** How far an opening is countersigned: entries, and by how many of its cosigners. */
export type CosignedOpening = { readonly size: number; readonly by: number };

/** The largest head of this log under the newest head of the ledger that the quorum signed; null when there is none. */
export async function cosignedOpening(
  sql: Sql,
  { ledger, origin }: { readonly ledger: string; readonly origin: string },
  cosigners: Cosigners,
): Promise<CosignedOpening | null> {
  const head = await cosignedHead(sql, ledger, cosigners);
  if (head === null) return null;
  const [held] = await sql<Held[]>`
    SELECT size, ledger_seq AS "ledgerSeq" FROM ledger_heads
    WHERE origin = ${origin} AND ledger_seq < ${head.size} ORDER BY size DESC LIMIT 1`;
  if (held === undefined || !(await holds(sql, ledger, origin, held))) return null;
  return { size: held.size, by: head.by };
}

/** Whether the ledger's entry is the head that the index says it is. */
async function holds(
  sql: Sql | TransactionSql,
  ledger: string,
  origin: string,
  { size, ledgerSeq }: Held,
): Promise<boolean> {
  const [taken] = await readEntries(sql, ledger, ledgerSeq, ledgerSeq + 1);
  if (taken === undefined) return false;
  const { type, body } = parseEntry(taken.bytes);
  if (type !== 'Head') return false;
  const { checkpoint } = readHead(body);
  return checkpoint.origin === origin && checkpoint.size === size;
}
