/** What commands were answered the first time: the same id gets it again, and other content under it a refusal. */
import type { Sql, TransactionSql } from '../store/driver.ts';
import type { CheckIn } from './kept-opening.ts';
import type { Known, Outcome, Submission } from './submission.ts';

/** The first answer to a command, and the digest of what it asked. */
export type FirstAnswer = { readonly digest: Uint8Array; readonly outcome: Outcome };

/** Names a command within its opening. */
export function commandKey(account: string, command: string): string {
  return `${account}\n${command}`;
}

/** The same command again gets its first answer; another under its id is refused. */
export function repeated(before: FirstAnswer, digest: Uint8Array): Outcome {
  const isSame = Buffer.from(before.digest).equals(digest);
  return isSame ? before.outcome : { outcome: 'refused', code: 'command_id_reused' };
}

/** Of these submissions to one opening those that were answered before, by `commandKey`. */
export async function firstAnswers(
  tx: Sql | TransactionSql,
  openingId: string,
  submissions: readonly Submission[],
): Promise<Map<string, FirstAnswer>> {
  const found = new Map<string, FirstAnswer>();
  if (submissions.length === 0) return found;
  const rows = await tx<{ account: string; command: string; digest: Uint8Array; outcome: string }[]>`
    SELECT actor AS account, command_id AS command, content_sha256 AS digest, outcome FROM commands
    WHERE opening_id = ${openingId} AND command_id = ANY (${submissions.map((s) => s.command)}::text[])`;
  for (const { account, command, digest, outcome } of rows)
    found.set(commandKey(account, command), { digest, outcome: JSON.parse(outcome) as Outcome });
  return found;
}

/** The outcome of a row of the intake that an earlier round, or another process, has decided; null while it is not decided. */
export async function decidedOutcome(sql: Sql, id: number, { submission, digest }: Known): Promise<Outcome | null> {
  const [row] = await sql<{ decided: boolean; contentSha256: Uint8Array | null; outcome: string | null }[]>`
    SELECT i.decided, c.content_sha256 AS "contentSha256", c.outcome FROM intake i
    LEFT JOIN commands c ON c.opening_id = i.opening_id AND c.actor = ${submission.who.account} AND c.command_id = ${submission.command}
    WHERE i.id = ${id}`;
  if (row === undefined) throw new Error(`row ${id} of the intake is gone`);
  if (!row.decided) return null;
  if (row.contentSha256 === null || row.outcome === null) return { outcome: 'refused', code: 'could_not_be_decided' };
  return repeated({ digest: row.contentSha256, outcome: JSON.parse(row.outcome) as Outcome }, digest);
}

/** The receipt that a company got when it checked in first; null when that was this act's own round, or it got none. */
export async function receiptOfCheckIn(
  tx: TransactionSql,
  openingId: string,
  { checkIns }: { readonly checkIns: ReadonlyMap<string, CheckIn> },
  actId: string,
): Promise<string | null> {
  const first = [...checkIns.values()].find((c) => c.actId === actId);
  if (first === undefined) return null;
  const [row] = await tx<{ outcome: string }[]>`SELECT outcome FROM commands
    WHERE opening_id = ${openingId} AND actor = ${first.account} AND command_id = ${first.command}`;
  const before = row === undefined ? null : (JSON.parse(row.outcome) as Outcome);
  return before?.outcome === 'accepted' ? before.receipt : null;
}
