/** The openings at a glance, from the read model beside the logs; a draft is nobody's business yet. */
import type { Sql } from './driver.ts';

export type ListedOpening = {
  readonly openingId: string;
  readonly title: string;
  readonly phase: string;
  readonly deadlineAt: number;
  readonly createdAt: number;
};

/**
 * Published openings, the newest first, those of one instant by id.
 *
 * Shape:   `before` is the id of the last one that the caller has, null for none: the page begins behind it.
 * Returns: null when `before` is nobody's id.
 * Why:     an instant alone is no place to go on from: what was created in the same millisecond would be left out at a page's edge.
 */
export async function listOpenings(sql: Sql, before: string | null, limit: number): Promise<ListedOpening[] | null> {
  const [last] =
    before === null
      ? []
      : await sql<{ createdAt: number }[]>`SELECT created_at AS "createdAt" FROM openings WHERE id = ${before}`;
  if (before !== null && last === undefined) return null;
  const rows = await sql<ListedOpening[]>`
    SELECT id AS "openingId", title, phase, deadline_at AS "deadlineAt", created_at AS "createdAt" FROM openings
    WHERE phase <> 'Draft' AND (${before}::text IS NULL OR (created_at, id) < (${last?.createdAt ?? null}::bigint, ${before}::text))
    ORDER BY created_at DESC, id DESC LIMIT ${limit}`;
  return [...rows];
}

/** Ids of the published openings of a session, the first created first. */
export async function listSession(sql: Sql, sessionId: string, limit: number): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`SELECT id FROM openings
    WHERE session_id = ${sessionId} AND phase <> 'Draft' ORDER BY created_at, id LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}
