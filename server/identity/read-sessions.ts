/** Reads sessions, those asked for at the same time with one query: each act asks for its own, and a rush asks for hundreds. */
import type { Sql } from '../store/driver.ts';
import { together } from '../store/together.ts';

/** What an act needs to know of the session whose key signed it. */
export type ActingSession = {
  readonly id: string;
  readonly account: string;
  readonly endsAt: number;
  readonly endedAt: number | null;
  /** The login JWS that certified the session's key. */
  readonly login: string;
};

/** The session of this id as the database has it after the question; undefined when there is none. */
export type ReadSession = (sessionId: string) => Promise<ActingSession | undefined>;

/** Sessions read with one query at most. */
export const SESSIONS_AT_ONCE = 500;
/** Logins remembered, some 4 KB each; the one used longest ago goes first. */
export const SESSION_LOGINS_LIMIT = 4_096;

type Row = Omit<ActingSession, 'login'> & { readonly login: string | null };

/**
 * Why: of whether a session lives nothing is remembered, so that one which any process has ended signs nothing more; only the ways
 *      are shared. A session's login is written once and never changes: it is fetched once.
 */
export function readSessionsTogether(sql: Sql): ReadSession {
  const logins = new Map<string, string>();

  function loginOf({ id, login }: Row): string {
    const found = login ?? logins.get(id);
    if (found === undefined) throw new Error(`the login of session ${id} was neither read nor remembered`);
    logins.delete(id);
    logins.set(id, found);
    return found;
  }

  return together(SESSIONS_AT_ONCE, async (sessionIds) => {
    const ids = [...new Set(sessionIds)];
    const known = ids.filter((id) => logins.has(id));
    const rows = await sql<Row[]>`
      SELECT id, account, ends_at AS "endsAt", ended_at AS "endedAt",
             CASE WHEN id = ANY (${known}::text[]) THEN NULL ELSE login END AS login
      FROM sessions WHERE id = ANY (${ids}::text[])`;
    const found = new Map(rows.map((row) => [row.id, { ...row, login: loginOf(row) }]));
    for (const oldest of logins.keys()) {
      if (logins.size <= SESSION_LOGINS_LIMIT) break;
      logins.delete(oldest);
    }
    return sessionIds.map((id) => found.get(id));
  });
}
