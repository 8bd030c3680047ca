/** Whether who shows a token may still use it: a token lives for minutes, a session can be ended and an account shut before. */
import { and, eq, gt, isNull, or } from 'drizzle-orm';
import { accounts, sessions } from '../store/schema/identity.ts';
import type { Db } from './database.ts';
import { type Refused, refuse } from './refusals.ts';
import type { Caller } from './tokens.ts';

/**
 * Asks whether account and session of a caller live at this instant.
 *
 * Refuses: account_disabled, session_ended.
 * Why:     asked at every request, so that an account that is shut is shut at once and not when its token runs out.
 */
export async function checkStanding(
  { db }: { readonly db: Db },
  { account, sessionId }: Pick<Caller, 'account' | 'sessionId'>,
  at: number,
): Promise<{ ok: true } | Refused> {
  const lives = and(gt(sessions.endsAt, at), or(isNull(sessions.endedAt), gt(sessions.endedAt, at)));
  const [found] = await db
    .select({ disabledAt: accounts.disabledAt, sessionId: sessions.id })
    .from(accounts)
    .leftJoin(sessions, and(eq(sessions.id, sessionId), eq(sessions.account, accounts.id), lives))
    .where(eq(accounts.id, account));
  if (found === undefined || found.disabledAt !== null) return refuse('account_disabled');
  return found.sessionId === null ? refuse('session_ended') : { ok: true };
}
