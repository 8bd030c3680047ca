/** Reads sessions, those asked for at the same time with one query: each act asks for its own, and a rush asks for hundreds. */
import { inArray } from 'drizzle-orm';
import { sessions } from '../store/schema/identity.ts';
import type { Db } from './database.ts';

export type Session = typeof sessions.$inferSelect;

/** The session of this id as the database has it after the question; undefined when there is none. */
export type ReadSession = (sessionId: string) => Promise<Session | undefined>;

/** Sessions read with one query at most. */
export const SESSIONS_AT_ONCE = 500;

type Waiting = {
  readonly sessionId: string;
  readonly resolve: (session: Session | undefined) => void;
  readonly reject: (error: unknown) => void;
};

/** Why: nothing is remembered, so that a session which any process has ended signs nothing more; only the ways are shared. */
export function readSessionsTogether(db: Db): ReadSession {
  let waiting: Waiting[] = [];
  let isBusy = false;

  async function read(batch: readonly Waiting[]): Promise<void> {
    try {
      const ids = [...new Set(batch.map(({ sessionId }) => sessionId))];
      const rows = await db.select().from(sessions).where(inArray(sessions.id, ids));
      const found = new Map(rows.map((row) => [row.id, row]));
      for (const { sessionId, resolve } of batch) resolve(found.get(sessionId));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async function readAll(): Promise<void> {
    // Whoever asks in this turn of the event loop comes along.
    await null;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, SESSIONS_AT_ONCE);
      waiting = waiting.slice(batch.length);
      await read(batch);
    }
    isBusy = false;
  }

  return (sessionId) =>
    new Promise((resolve, reject) => {
      waiting.push({ sessionId, resolve, reject });
      if (isBusy) return;
      isBusy = true;
      void readAll();
    });
}
