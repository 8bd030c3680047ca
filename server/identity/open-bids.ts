/** Bids that wait to be opened although the CA behind their bidder has ended since: who may still act for them, and by which certificate. */
import { sql } from 'drizzle-orm';
import { fromBase64Url } from '../core/log/base64.ts';
import { isJsonObject } from '../core/log/canonical.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Phase } from '../core/opening/phases.ts';
import type { Db } from './database.ts';

/** Deadlines that one login is asked of: nobody waits for more openings at once. */
const DEADLINES_ASKED = 8;

/** Phases behind the deadline in which a bid may still be opened. */
const WAITING = [
  'Sealed',
  'RosterPublished',
  'Drawing',
  'Decrypting',
  'TendererDecrypting',
  'Attribution',
  'Remedy',
] as const satisfies readonly Phase[];

/** An account and the certificate in its name, by their ids. */
type Holder = { readonly account: string; readonly certSha256: string };

/**
 * The deadlines behind which a bid of this account's organisation waits, the latest first, each later than a login by this certificate.
 *
 * Why: a CA that fell may have made certificates in anybody's name, dated as it likes. One that was used here before the deadline was
 *      believed then; no other is.
 */
export async function deadlinesWaiting(db: Db, { account, certSha256 }: Holder, at: number): Promise<number[]> {
  const rows = await db.execute<{ deadlineAt: string }>(sql`
    SELECT DISTINCT o.deadline_at AS "deadlineAt" FROM sessions s
    JOIN openings o ON o.deadline_at > s.created_at AND o.deadline_at <= ${at} AND o.phase IN ${[...WAITING]}
    JOIN envelopes e ON e.opening_id = o.id AND left(e.account, 18) = left(s.account, 18)
    WHERE s.account = ${account} AND s.cert_sha256 = ${certSha256}
    ORDER BY 1 DESC LIMIT ${DEADLINES_ASKED}`);
  return [...rows].map(({ deadlineAt }) => Number(deadlineAt));
}

/** Was this certificate used here before the deadline: to log in, or to lodge in this opening? */
export async function wasUsedBefore(
  db: Db,
  { account, certSha256, openingId, deadlineAt }: Holder & { readonly openingId: string; readonly deadlineAt: number },
): Promise<boolean> {
  const logins = await db.execute(sql`
    SELECT FROM sessions
    WHERE account = ${account} AND cert_sha256 = ${certSha256} AND created_at < ${deadlineAt} LIMIT 1`);
  if (logins.length > 0) return true;
  const lodged = await db.execute<{ statement: string }>(sql`
    SELECT statement FROM envelopes
    WHERE opening_id = ${openingId} AND account = ${account} AND lodged_at < ${deadlineAt}`);
  return [...lodged].some(({ statement }) => signerOf(statement) === certSha256);
}

/** The thumbprint of the certificate that signed a statement; statements that were lodged have been read before. */
function signerOf(statement: string): unknown {
  const header: unknown = JSON.parse(fromUtf8(fromBase64Url(statement.split('.')[0] ?? '')));
  return isJsonObject(header) ? header['x5t#S256'] : undefined;
}
