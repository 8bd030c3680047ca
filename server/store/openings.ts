/** The openings at a glance, from the read model beside the logs; a draft is nobody's business yet. */
import type { Sql } from './driver.ts';

export type ListedOpening = {
  readonly openingId: string;
  readonly title: string;
  readonly phase: string;
  readonly deadlineAt: number;
  readonly createdAt: number;
};

/** Published openings, the newest first; `before` an instant of creation, null = from the newest. */
export async function listOpenings(sql: Sql, before: number | null, limit: number): Promise<ListedOpening[]> {
  const rows = await sql<ListedOpening[]>`
    SELECT id AS "openingId", title, phase, deadline_at AS "deadlineAt", created_at AS "createdAt" FROM openings
    WHERE phase <> 'Draft' AND (${before}::bigint IS NULL OR created_at < ${before}) ORDER BY created_at DESC, id LIMIT ${limit}`;
  return [...rows];
}

/** Ids of the published openings of a session, the first created first. */
export async function listSession(sql: Sql, sessionId: string, limit: number): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`SELECT id FROM openings
    WHERE session_id = ${sessionId} AND phase <> 'Draft' ORDER BY created_at, id LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}
