/** Rows of envelopes on their way in: whose each is, how far it has come, who writes to it, how it ended; it knows no file. */
import type { Sql, TransactionSql } from './driver.ts';

/** How an upload can end. `withdrawn`: it was not lodged when the deadline came (20号令27). */
export type UploadEnd = 'lodged' | 'refused' | 'withdrawn' | 'expired' | 'given_up';

export type StoredUpload = {
  readonly id: string;
  readonly openingId: string;
  readonly account: string;
  /** The statement's `jti`. */
  readonly command: string;
  readonly bidId: string;
  readonly statement: string;
  readonly sizeBytes: number;
  /** So many of its first bytes are durable. */
  readonly receivedBytes: number;
  /** Instants, ms. */
  readonly deadlineAt: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly ended: UploadEnd | null;
  readonly refusal: string | null;
};

/** Whose upload: nobody else learns that it exists. */
export type UploadOwner = { readonly openingId: string; readonly account: string };

const columns = (
  sql: Sql | TransactionSql,
) => sql`id, opening_id AS "openingId", account, command, bid_id AS "bidId", statement,
  size_bytes AS "sizeBytes", received_bytes AS "receivedBytes", deadline_at AS "deadlineAt", created_at AS "createdAt",
  expires_at AS "expiresAt", ended, refusal`;

/** One of the owner's uploads; null when there is none, or it is another's. */
export async function findUpload(sql: Sql, owner: UploadOwner, id: string): Promise<StoredUpload | null> {
  const [row] = await sql<StoredUpload[]>`SELECT ${columns(sql)} FROM uploads
    WHERE id = ${id} AND opening_id = ${owner.openingId} AND account = ${owner.account}`;
  return row ?? null;
}

/** The owner's upload of one statement; null when there is none. */
export async function findUploadOf(
  sql: Sql | TransactionSql,
  owner: UploadOwner,
  command: string,
): Promise<StoredUpload | null> {
  const [row] = await sql<StoredUpload[]>`SELECT ${columns(sql)} FROM uploads
    WHERE command = ${command} AND opening_id = ${owner.openingId} AND account = ${owner.account}`;
  return row ?? null;
}

/** The owner's uploads, the newest first. */
export async function listUploads(sql: Sql, owner: UploadOwner): Promise<StoredUpload[]> {
  return sql<StoredUpload[]>`SELECT ${columns(sql)} FROM uploads
    WHERE opening_id = ${owner.openingId} AND account = ${owner.account} ORDER BY created_at DESC, id LIMIT 100`;
}

/**
 * Enters an upload, in the place of one of the same statement that came to nothing.
 *
 * Returns: what stands for the statement now, this or one that was there; null when the owner has `limit` under way already.
 * Why:     one owner's are entered one after the other, or two at once would both find room.
 */
export async function insertUpload(
  sql: Sql,
  upload: Omit<StoredUpload, 'receivedBytes' | 'ended' | 'refusal'>,
  limit: number,
): Promise<StoredUpload | null> {
  const { id, openingId, account, command } = upload;
  return sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(hashtextextended(${`upload ${openingId} ${account}`}, 0))`;
    await tx`DELETE FROM uploads WHERE opening_id = ${openingId} AND account = ${account} AND command = ${command}
      AND ended IS NOT NULL AND ended <> 'lodged'`;
    const known = await findUploadOf(tx, upload, command);
    if (known !== null) return known;
    const [row] = await tx<{ underWay: number }[]>`SELECT count(*)::int AS "underWay" FROM uploads
      WHERE opening_id = ${openingId} AND account = ${account} AND ended IS NULL`;
    if ((row?.underWay ?? 0) >= limit) return null;
    await tx`INSERT INTO uploads (id, opening_id, account, command, bid_id, statement, size_bytes, deadline_at, created_at, expires_at)
      VALUES (${id}, ${openingId}, ${account}, ${command}, ${upload.bidId}, ${upload.statement}, ${upload.sizeBytes},
        ${upload.deadlineAt}, ${upload.createdAt}, ${upload.expiresAt})`;
    return { ...upload, receivedBytes: 0, ended: null, refusal: null };
  });
}

/** One request's claim to an upload: nobody else writes to it until it is let go of, or `untilAt` has passed. */
export type Hold = { readonly id: string; readonly holder: string; readonly untilAt: number };

/** Claims an upload that is under way. Returns: false when another request holds it, or it stands elsewhere than at `receivedBytes`. */
export async function holdUpload(sql: Sql, hold: Hold, receivedBytes: number, at: number): Promise<boolean> {
  const rows = await sql`UPDATE uploads SET holder = ${hold.holder}, held_until = ${hold.untilAt}
    WHERE id = ${hold.id} AND ended IS NULL AND received_bytes = ${receivedBytes}
      AND (holder IS NULL OR held_until <= ${at}) RETURNING id`;
  return rows.length === 1;
}

/** Goes on holding, with so much durable by now. Returns: false when another request has it. */
export async function keepUpload(
  sql: Sql,
  hold: Hold,
  progress: { readonly receivedBytes: number; readonly expiresAt: number },
): Promise<boolean> {
  const rows = await sql`UPDATE uploads SET held_until = ${hold.untilAt}, received_bytes = ${progress.receivedBytes},
      expires_at = ${progress.expiresAt}
    WHERE id = ${hold.id} AND holder = ${hold.holder} AND ended IS NULL RETURNING id`;
  return rows.length === 1;
}

/** Lets go of an upload; of one that another has taken over meanwhile it changes nothing. */
export async function releaseUpload(sql: Sql, { id, holder }: Pick<Hold, 'id' | 'holder'>): Promise<void> {
  await sql`UPDATE uploads SET holder = NULL, held_until = NULL WHERE id = ${id} AND holder = ${holder}`;
}

/** Ends an upload that this request holds. Returns: false when another has it, or it has ended. */
export async function endUpload(
  sql: Sql,
  { id, holder }: Pick<Hold, 'id' | 'holder'>,
  end: { readonly how: UploadEnd; readonly at: number; readonly refusal?: string },
): Promise<boolean> {
  const rows = await sql`UPDATE uploads SET ended = ${end.how}, ended_at = ${end.at}, refusal = ${end.refusal ?? null},
      holder = NULL, held_until = NULL
    WHERE id = ${id} AND holder = ${holder} AND ended IS NULL RETURNING id`;
  return rows.length === 1;
}

/** Uploads whose time or deadline is over and that no request holds, the oldest first. */
export async function overdueUploads(sql: Sql, at: number, limit: number): Promise<StoredUpload[]> {
  return sql<StoredUpload[]>`SELECT ${columns(sql)} FROM uploads
    WHERE ended IS NULL AND (expires_at <= ${at} OR deadline_at <= ${at}) AND (holder IS NULL OR held_until <= ${at})
    ORDER BY created_at LIMIT ${limit}`;
}

/** Forgets uploads that ended before `endedBefore`. */
export async function forgetUploads(sql: Sql, endedBefore: number): Promise<void> {
  await sql`DELETE FROM uploads WHERE ended_at < ${endedBefore}`;
}

/** The ids of uploads under way: their files may lie among the parts, or finished and not yet named by a bid. */
export async function uploadsUnderWay(sql: Sql): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`SELECT id FROM uploads WHERE ended IS NULL`;
  return rows.map(({ id }) => id);
}
