/** Tells every server process that a log has grown, over PostgreSQL's LISTEN and NOTIFY; says nothing of what was appended. */
import type { Database } from './connect.ts';
import type { Sql } from './driver.ts';

const CHANNEL = 'kaibiao_append';

/**
 * Announces that a log now has `size` entries, all of them let out.
 *
 * Why: after the release and outside the append's transaction: nobody may hear of what could still be rolled back, and a
 *      NOTIFY in a transaction would make all commits wait for one another.
 */
export async function announce(sql: Sql, origin: string, size: number): Promise<void> {
  await sql`SELECT pg_notify(${CHANNEL}, ${`${size} ${origin}`})`;
}

/**
 * Hears what is announced by any process, this one included.
 *
 * Shape:   `onGap` is called each time hearing begins, also the first: what was announced before, or while the connection was
 *          away, is lost, so whoever follows a log reads its head anew.
 * Returns: what ends it.
 */
export async function listen(
  database: Pick<Database, 'listen'>,
  onAppend: (origin: string, size: number) => void,
  onGap: () => void,
): Promise<() => Promise<void>> {
  const hear = (payload: string): void => {
    const match = /^(0|[1-9][0-9]{0,15}) (.+)$/su.exec(payload);
    // Anyone with the database's password can notify: what is not ours is no news.
    if (match === null) return;
    onAppend(match[2] as string, Number(match[1]));
  };
  return database.listen(CHANNEL, hear, onGap);
}
