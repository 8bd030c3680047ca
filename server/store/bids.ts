/** What the gate asks of bids already lodged: their files, their headers, and whether a command has been answered. */
import type { Sql } from './driver.ts';

/** The file of a bid in the vault's folder; null when there is no such bid. */
export async function fileOfBid(sql: Sql, bidId: string): Promise<string | null> {
  const [row] = await sql<{ file: string }[]>`SELECT file FROM envelopes WHERE id = ${bidId}`;
  return row?.file ?? null;
}

/** What a bid's own key must unwrap: the RecipientInfos of its envelope; null when there is no such bid. */
export async function headerOfBid(sql: Sql, bidId: string): Promise<Uint8Array | null> {
  const [row] = await sql<{ header: Uint8Array }[]>`SELECT header FROM envelopes WHERE id = ${bidId}`;
  return row?.header ?? null;
}

/** Whether this actor's command has its answer. */
export async function isCommandKnown(
  sql: Sql,
  command: { readonly openingId: string; readonly actor: string; readonly commandId: string },
): Promise<boolean> {
  const [row] = await sql`SELECT FROM commands
    WHERE opening_id = ${command.openingId} AND actor = ${command.actor} AND command_id = ${command.commandId}`;
  return row !== undefined;
}

/**
 * Whether a bid stands or stood, or has been received and waits for its decision.
 *
 * Why: between the two nothing but the intake knows of it; of the opening's it is found by its id, which is random.
 */
export async function isBidReceived(
  sql: Sql,
  { bidId, openingId }: { readonly bidId: string; readonly openingId: string },
): Promise<boolean> {
  const [row] = await sql<{ isReceived: boolean }[]>`SELECT
    EXISTS (SELECT FROM envelopes WHERE id = ${bidId} AND opening_id = ${openingId})
    OR EXISTS (SELECT FROM intake WHERE opening_id = ${openingId} AND NOT decided AND kind = 'LodgeBid'
      AND position(convert_to(${bidId}::text, 'UTF8') IN content) > 0) AS "isReceived"`;
  return row?.isReceived === true;
}

/** The envelopes of an opening's bids, the replaced and withdrawn ones too: their files, and the statements that were signed over them. */
export async function envelopesOf(
  sql: Sql,
  openingId: string,
): Promise<{ readonly bidId: string; readonly file: string; readonly statement: string }[]> {
  return sql<{ bidId: string; file: string; statement: string }[]>`
    SELECT id AS "bidId", file, statement FROM envelopes WHERE opening_id = ${openingId} ORDER BY id`;
}
