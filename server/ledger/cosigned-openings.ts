/** Whether what stands on an opening's log was countersigned: through the ledger, which is all that cosigners sign. */
import type { IsCosigned } from '../recorder/closing.ts';
import { cosignedSize } from './cosignatures.ts';

/** Whether the ledger holds a head of this log, of this size or larger, under a head of its own that the quorum signed. */
export const isCosignedInLedger: IsCosigned = async (sql, { origin, size }, cosigners) => {
  const [held] = await sql<{ ledgerSeq: number }[]>`
    SELECT ledger_seq AS "ledgerSeq" FROM ledger_heads WHERE origin = ${origin} AND size >= ${size} ORDER BY size LIMIT 1`;
  if (held === undefined) return false;
  return held.ledgerSeq < ((await cosignedSize(sql, cosigners)) ?? 0);
};
