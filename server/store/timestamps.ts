/** Stored time-stamps of the ledger: added, and found by what they cover; who made them and how is not known here. */
import type { Sql } from './driver.ts';

/** A time-stamp of the ledger's note at `ledgerSize`; instants in ms. See schema/timestamps.ts. */
export type StoredTimestamp = {
  readonly ledgerSize: number;
  readonly note: string;
  readonly authority: string;
  readonly stampedAt: number;
  readonly accuracyMs: number | null;
  readonly policy: string;
  readonly serial: string;
  readonly response: Uint8Array;
  readonly path: Uint8Array;
  readonly crls: Uint8Array;
  readonly revocation: 'good' | 'undetermined';
  readonly receivedAt: number;
};

export async function addTimestamp(sql: Sql, added: StoredTimestamp): Promise<void> {
  await sql`
    INSERT INTO timestamps (ledger_size, note, authority, stamped_at, accuracy_ms, policy, serial, response, path, crls,
                            revocation, received_at)
    VALUES (${added.ledgerSize}, ${added.note}, ${added.authority}, ${added.stampedAt}, ${added.accuracyMs}, ${added.policy},
            ${added.serial}, ${added.response}, ${added.path}, ${added.crls}, ${added.revocation}, ${added.receivedAt})
    ON CONFLICT DO NOTHING`;
}

/** The largest stamped size of the ledger and when its stamp came; size 0 when there is none. */
export async function lastTimestamp(sql: Sql): Promise<{ size: number; receivedAt: number | null }> {
  const [row] = await sql<{ size: number; receivedAt: number }[]>`
    SELECT ledger_size AS size, received_at AS "receivedAt" FROM timestamps ORDER BY ledger_size DESC, received_at DESC LIMIT 1`;
  return row ?? { size: 0, receivedAt: null };
}

/**
 * The size that the ledger must be stamped at for the last heads of all openings that have ended to be stamped.
 *
 * Returns: null when there is none that is not stamped yet, of those that the ledger holds.
 */
export async function wantedSize(sql: Sql, stampedSize: number): Promise<number | null> {
  const [row] = await sql<{ seq: number | null }[]>`
    SELECT max(h.ledger_seq) AS seq FROM ledger_heads h
    JOIN logs l ON l.origin = h.origin AND l.size = h.size
    JOIN openings o ON o.id = l.opening_id
    WHERE h.ledger_seq >= ${stampedSize} AND o.phase = 'Archived'`;
  return row === undefined || row.seq === null ? null : row.seq + 1;
}

/** A head of a log and the earliest stamp over it. */
export type StampedHead = { readonly size: number; readonly ledgerSeq: number; readonly timestamp: StoredTimestamp };

/** The newest head of a log that is stamped, with the first stamp that covers it; null when there is none. */
export async function findStampedHead(sql: Sql, origin: string): Promise<StampedHead | null> {
  const { size: stampedSize } = await lastTimestamp(sql);
  const [head] = await sql<{ size: number; ledgerSeq: number }[]>`
    SELECT size, ledger_seq AS "ledgerSeq" FROM ledger_heads
    WHERE origin = ${origin} AND ledger_seq < ${stampedSize} ORDER BY ledger_seq DESC LIMIT 1`;
  if (head === undefined) return null;
  const [timestamp] = await findStamps(sql, head.ledgerSeq);
  return timestamp === undefined ? null : { ...head, timestamp };
}

/**
 * The stamps over the first stamped note of the ledger that covers an entry of it, earliest first: several where several authorities gave one.
 *
 * Shape: with `line`, of the notes in which a signature line begins so (core/log/note.ts, `signatureLineStart`).
 */
export async function findStamps(sql: Sql, ledgerSeq: number, line = ''): Promise<StoredTimestamp[]> {
  const stamps = await sql<StoredTimestamp[]>`
    SELECT ledger_size AS "ledgerSize", note, authority, stamped_at AS "stampedAt", accuracy_ms AS "accuracyMs", policy, serial,
           response, path, crls, revocation, received_at AS "receivedAt"
    FROM timestamps WHERE strpos(note, ${line}) > 0 AND ledger_size = (
      SELECT min(ledger_size) FROM timestamps WHERE ledger_size > ${ledgerSeq} AND strpos(note, ${line}) > 0)
    ORDER BY stamped_at, authority`;
  return stamps.filter(({ note }) => note === stamps[0]?.note);
}
