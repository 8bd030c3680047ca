/** Whether who shows a token may still use it: a token lives for minutes, a session can be ended and an account shut before. */
import type { Sql } from '../store/driver.ts';
import { together } from '../store/together.ts';
import { type Refused, refuse } from './refusals.ts';
import type { Caller } from './tokens.ts';

type Standing = { ok: true } | Refused;

/**
 * Asks whether account and session of a caller live at this instant.
 *
 * Refuses: account_disabled, session_ended.
 * Why:     asked at every request, so that an account that is shut is shut at once and not when its token runs out.
 */
export type CheckStanding = (caller: Pick<Caller, 'account' | 'sessionId'>, at: number) => Promise<Standing>;

/** Callers asked about with one query at most. */
const STANDINGS_AT_ONCE = 500;

type Asked = Pick<Caller, 'account' | 'sessionId'> & { readonly at: number };

/** The check against this database; nothing is remembered, callers of one turn are asked about together. */
export function createStandings(sql: Sql): CheckStanding {
  const ask = together<Asked, Standing>(STANDINGS_AT_ONCE, async (asked) => {
    const rows = await sql<{ isOpen: boolean; lives: boolean }[]>`
      SELECT a.id IS NOT NULL AND a.disabled_at IS NULL AS "isOpen", s.id IS NOT NULL AS lives
      FROM unnest(${asked.map(({ account }) => account)}::text[], ${asked.map(({ sessionId }) => sessionId)}::text[],
                  ${asked.map(({ at }) => at)}::bigint[]) WITH ORDINALITY AS q (account, session_id, at, n)
      LEFT JOIN accounts a ON a.id = q.account
      LEFT JOIN sessions s ON s.id = q.session_id AND s.account = a.id AND s.ends_at > q.at
        AND (s.ended_at IS NULL OR s.ended_at > q.at)
      ORDER BY q.n`;
    return rows.map(({ isOpen, lives }) => {
      if (!isOpen) return refuse('account_disabled');
      return lives ? { ok: true } : refuse('session_ended');
    });
  });
  return ({ account, sessionId }, at) => ask({ account, sessionId, at });
}
