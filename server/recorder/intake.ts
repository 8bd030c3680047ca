/** The intake: an act is durable, with the instant that counts, before anyone looks at what it asks. */

import { databaseTime, recorderTime } from '../store/clock.ts';
import type { Sql } from '../store/driver.ts';
import { pack } from '../store/packed.ts';
import type { World } from '../world.ts';

/** Writers share this lock while they take the clock and insert; who closes a window takes it alone (log-format §4). */
export const INTAKE_LOCK = 7_301_001;
/** Acts made durable by one transaction at most. */
export const INTAKE_BATCH_LIMIT = 500;

export type Received = { readonly id: number; readonly receivedAt: number };
type Waiting = {
  readonly openingId: string;
  readonly kind: string;
  readonly content: Uint8Array;
  readonly resolve: (received: Received) => void;
  readonly reject: (reason: unknown) => void;
};

export type Intake = {
  /**
   * Makes an act durable.
   *
   * Returns: its number and `receivedAt`, integer ms, the recorder's clock.
   * Why:     acts that arrive while one insert is under way go into the next together, so a rush costs few commits.
   */
  receive(openingId: string, kind: string, content: Uint8Array): Promise<Received>;
};

export function createIntake(sql: Sql, world: World): Intake {
  let waiting: Waiting[] = [];
  let busy = false;
  let latestAt = 0;

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, INTAKE_BATCH_LIMIT);
      waiting = waiting.slice(batch.length);
      try {
        const received = await insert(batch);
        batch.forEach((w, i) => {
          const row = received[i];
          if (row === undefined) w.reject(new Error('the intake lost a row'));
          else w.resolve(row);
        });
      } catch (error) {
        for (const w of batch) w.reject(error);
      }
    }
    busy = false;
  }

  async function insert(batch: readonly Waiting[]): Promise<Received[]> {
    return sql.begin(async (tx) => {
      // The clock is read once the lock is held.
      const [held] = await tx<{ at: number }[]>`
        WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(${INTAKE_LOCK}))
        SELECT ${databaseTime(tx)} AS at FROM held`;
      if (held === undefined) throw new Error('the database does not know what time it is');
      // A clock that was set back must not make a later act look earlier.
      const receivedAt = Math.max(recorderTime(world, held.at), latestAt);
      const contents = pack(batch.map((w) => w.content));
      const inserted = await tx<{ readonly id: number }[]>`
        INSERT INTO intake (opening_id, received_at, kind, content)
        SELECT opening_id, ${receivedAt}, kind, substring(${contents.bytes}::bytea FROM start FOR length)
        FROM unnest(${batch.map((w) => w.openingId)}::text[], ${batch.map((w) => w.kind)}::text[],
                    ${contents.starts}::int[], ${contents.lengths}::int[])
          WITH ORDINALITY AS i (opening_id, kind, start, length, n)
        ORDER BY n RETURNING id`;
      latestAt = receivedAt;
      return inserted.map(({ id }) => ({ id, receivedAt }));
    });
  }

  return {
    receive(openingId, kind, content) {
      return new Promise((resolve, reject) => {
        waiting.push({ openingId, kind, content, resolve, reject });
        if (busy) return;
        busy = true;
        void flush();
      });
    },
  };
}
