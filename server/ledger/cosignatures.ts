/** Cosignatures of the ledger's heads as they are stored: put there by the leader, read by every process. */
import type { Checkpoint } from '../core/log/checkpoint.ts';
import { addSignatures, parseSignatureLine } from '../core/log/note.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { readCheckpoint } from '../store/read-log.ts';

type AnySql = Sql | TransactionSql;

/** Keeps a signature line that was checked; one that is there already stands. */
export async function storeCosignature(
  sql: AnySql,
  row: { readonly size: Checkpoint['size']; readonly vkey: string; readonly line: string; readonly receivedAt: number },
): Promise<void> {
  await sql`INSERT INTO cosignatures (size, vkey, line, received_at)
    VALUES (${row.size}, ${row.vkey}, ${row.line}, ${row.receivedAt}) ON CONFLICT (size, vkey) DO NOTHING`;
}

/** The largest head that each cosigner signed; of one that never did, nothing. */
export async function lastSigned(sql: AnySql, vkeys: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await sql<{ vkey: string; size: number }[]>`
    SELECT v.vkey, c.size FROM unnest(${[...vkeys]}::text[]) AS v (vkey)
    JOIN LATERAL (SELECT size FROM cosignatures WHERE vkey = v.vkey ORDER BY size DESC LIMIT 1) c ON true`;
  return new Map(rows.map(({ vkey, size }) => [vkey, size]));
}

/** The largest head of the ledger that a quorum signed; null when there is none, or the quorum is of nobody. */
export async function cosignedSize(sql: AnySql, { quorum, vkeys }: Cosigners): Promise<number | null> {
  if (quorum === 0) return null;
  const [row] = await sql<{ size: number }[]>`
    SELECT size FROM cosignatures WHERE vkey = ANY (${[...new Set(vkeys)]}::text[])
    GROUP BY size HAVING count(*) >= ${quorum} ORDER BY size DESC LIMIT 1`;
  return row?.size ?? null;
}

/** A head's note with the lines of these cosigners behind it — null: of all —, as many as have come, in the order of their keys. */
export async function withCosignatures(
  sql: AnySql,
  head: { readonly size: number; readonly note: string },
  vkeys: readonly string[] | null,
): Promise<string> {
  if (vkeys?.length === 0) return head.note;
  const rows = await sql<{ line: string }[]>`
    SELECT line FROM cosignatures WHERE size = ${head.size} AND (${vkeys === null} OR vkey = ANY (${[...(vkeys ?? [])]}::text[])) ORDER BY vkey`;
  return rows.length === 0
    ? head.note
    : addSignatures(
        head.note,
        rows.map(({ line }) => parseSignatureLine(line)),
      );
}

/** The newest head of a ledger that a quorum signed, with its cosignatures; null when there is none. What is stamped, and what others may keep. */
export async function cosignedHead(
  sql: AnySql,
  origin: string,
  quorum: Cosigners,
): Promise<{ readonly size: number; readonly note: string } | null> {
  const size = await cosignedSize(sql, quorum);
  const note = size === null ? null : await readCheckpoint(sql, origin, size);
  if (size === null || note === null) return null;
  return { size, note: await withCosignatures(sql, { size, note }, quorum.vkeys) };
}
