/** Cosignatures of the ledger's heads as they are stored: put there by the leader, read by every process. */
import { type Checkpoint, parseCheckpoint } from '../core/log/checkpoint.ts';
import { addSignatures, parseNote, parseSignatureLine } from '../core/log/note.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import { verifyEd25519 } from '../ed25519.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { createGoodLines } from './good-lines.ts';

/*
 * A row by itself says nothing: whoever may write to the database may write rows. What counts is that its line verifies, under a head of the
 * ledger, each time something hangs on it; these very bytes are verified once.
 */

const isGoodLine = createGoodLines(verifyEd25519);

type AnySql = Sql | TransactionSql;
type Head = { readonly size: number; readonly note: string };

/** So many heads whose rows are not what they say are passed over in search of a good one; then it is as if there were none. */
export const BAD_HEADS_LIMIT = 8;

/** Keeps a signature line that was checked; one that is there already stands. */
export async function storeCosignature(
  sql: AnySql,
  row: { readonly size: Checkpoint['size']; readonly vkey: string; readonly line: string; readonly receivedAt: number },
): Promise<void> {
  await sql`INSERT INTO cosignatures (size, vkey, line, received_at)
    VALUES (${row.size}, ${row.vkey}, ${row.line}, ${row.receivedAt}) ON CONFLICT (size, vkey) DO NOTHING`;
}

/** The largest head of a ledger that each cosigner signed; of one that never did, nothing. */
export async function lastSigned(
  sql: AnySql,
  ledger: string,
  vkeys: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const signed = new Map<string, number>();
  for (const vkey of vkeys) {
    const head = await cosignedHead(sql, ledger, { quorum: 1, vkeys: [vkey] });
    if (head !== null) signed.set(vkey, head.size);
  }
  return signed;
}

/** A head with the lines of its cosigners behind it; `by` is how many of those it was asked of they are. */
export type CosignedHead = Head & { readonly by: number };

/**
 * The newest head of a ledger that a quorum signed, with its cosignatures: what is stamped, and what others may keep.
 *
 * Returns: null when there is none, or the quorum is of nobody.
 */
export async function cosignedHead(
  sql: AnySql,
  ledger: string,
  { quorum, vkeys }: Cosigners,
): Promise<CosignedHead | null> {
  if (quorum === 0) return null;
  const named = [...new Set(vkeys)];
  let below = Number.MAX_SAFE_INTEGER;
  for (let bad = 0; bad <= BAD_HEADS_LIMIT; bad++) {
    const [head] = await newestHead(sql, ledger, { quorum, vkeys: named }, below);
    if (head === undefined) return null;
    const lines = isHeadOf(ledger, head) ? await goodLines(sql, head, named) : [];
    if (lines.length >= quorum) return { size: head.size, note: withLines(head.note, lines), by: lines.length };
    below = head.size;
  }
  return null;
}

/**
 * The largest head below a size that has rows of so many of these cosigners.
 *
 * Why: no head can have them that is larger than what the quorum-th of them signed last, and from there down the first one that has them is
 *      soon found. Counting the rows of all heads instead took longer with each head that the ledger has ever had.
 */
function newestHead(sql: AnySql, ledger: string, { quorum, vkeys }: Cosigners, below: number): Promise<Head[]> {
  return sql<Head[]>`
    SELECT k.size, k.note FROM checkpoints k
    WHERE k.origin = ${ledger} AND k.size < ${below} AND k.size <= (
      SELECT l.size FROM unnest(${[...vkeys]}::text[]) AS v (vkey)
      CROSS JOIN LATERAL (
        SELECT size FROM cosignatures WHERE vkey = v.vkey AND size < ${below} ORDER BY size DESC LIMIT 1) l
      ORDER BY l.size DESC OFFSET ${quorum - 1} LIMIT 1)
    AND ${quorum} <= (SELECT count(*) FROM cosignatures c WHERE c.size = k.size AND c.vkey = ANY (${[...vkeys]}::text[]))
    ORDER BY k.size DESC LIMIT 1`;
}

/** A head's note with the lines of these cosigners behind it — null: of all —, as many as have come, in the order of their keys. */
export async function withCosignatures(sql: AnySql, head: Head, vkeys: readonly string[] | null): Promise<string> {
  return vkeys?.length === 0 ? head.note : withLines(head.note, await goodLines(sql, head, vkeys));
}

function withLines(note: string, lines: readonly string[]): string {
  return lines.length === 0 ? note : addSignatures(note, lines.map(parseSignatureLine));
}

/** Whether a checkpoint's note is of the log and the size that it is stored under. */
function isHeadOf(ledger: string, { size, note }: Head): boolean {
  const said = parseCheckpoint(parseNote(note).text);
  return said.origin === ledger && said.size === size;
}

/** The lines of these cosigners that verify under a head, in the order of their keys. */
async function goodLines(sql: AnySql, { size, note }: Head, vkeys: readonly string[] | null): Promise<string[]> {
  const rows = await sql<{ vkey: string; line: string }[]>`
    SELECT vkey, line FROM cosignatures
    WHERE size = ${size} AND (${vkeys === null} OR vkey = ANY (${[...(vkeys ?? [])]}::text[])) ORDER BY vkey`;
  const { text } = parseNote(note);
  const lines: string[] = [];
  for (const { vkey, line } of rows) if (await isGoodLine(vkey, line, text)) lines.push(line);
  return lines;
}
