/** Whether what stands on an opening's log was countersigned: through the ledger, which is all that cosigners sign. */
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { IsCosigned } from '../recorder/closing.ts';
import type { Sql } from '../store/driver.ts';
import { cosignedSize } from './cosignatures.ts';

/** Whether the ledger holds a head of this log, of this size or larger, under a head of its own that the quorum signed. */
export const isCosignedInLedger: IsCosigned = async (sql, { origin, size }, cosigners) => {
  const [held] = await sql<{ ledgerSeq: number }[]>`
    SELECT ledger_seq AS "ledgerSeq" FROM ledger_heads WHERE origin = ${origin} AND size >= ${size} ORDER BY size LIMIT 1`;
  if (held === undefined) return false;
  return held.ledgerSeq < ((await cosignedSize(sql, cosigners)) ?? 0);
};

/** How far an opening is countersigned: entries, and by how many of its cosigners. */
export type CosignedOpening = { readonly size: number; readonly by: number };

/** The largest head of this log under the newest head of the ledger that the quorum signed; null when there is none. */
export async function cosignedOpening(sql: Sql, origin: string, cosigners: Cosigners): Promise<CosignedOpening | null> {
  const ledgerSize = await cosignedSize(sql, cosigners);
  if (ledgerSize === null) return null;
  const [held] = await sql<{ size: number | null; by: number }[]>`
    SELECT max(h.size) AS size, (SELECT count(*)::int FROM cosignatures c
      WHERE c.size = ${ledgerSize} AND c.vkey = ANY (${[...new Set(cosigners.vkeys)]}::text[])) AS by
    FROM ledger_heads h WHERE h.origin = ${origin} AND h.ledger_seq < ${ledgerSize}`;
  return held === undefined || held.size === null ? null : { size: held.size, by: held.by };
}
