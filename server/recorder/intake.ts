/** The intake: an act is durable, with the instant that counts, before anyone looks at what it asks. */

import { parseInstant } from '../core/log/instant.ts';
import { databaseTime, recorderTime } from '../store/clock.ts';
import { byteList, type Sql, type TransactionSql } from '../store/driver.ts';
import { joinLines } from '../store/lines.ts';
import type { World } from '../world.ts';
import { createDurableLogins } from './durable-logins.ts';
import type { StoredSubmission } from './stored-submission.ts';

/** Writers share this lock while they take the clock and insert; who closes a window takes it alone (log-format §4). */
export const INTAKE_LOCK = 7_301_001;
/** Acts made durable by one transaction at most. */
export const INTAKE_BATCH_LIMIT = 500;

export type Received = {
  readonly id: number;
  readonly receivedAt: number;
  /** Of the login that `logins` now holds; null when none came with it. */
  readonly loginSha256: Uint8Array | null;
};
type Waiting = {
  readonly openingId: string;
  readonly kind: string;
  readonly stored: StoredSubmission;
  readonly resolve: (received: Received) => void;
  readonly reject: (reason: unknown) => void;
};

export type Intake = {
  /**
   * Makes an act durable.
   *
   * Returns: its number and `receivedAt`, integer ms, the recorder's clock, not before the last entry of its opening; its login is
   *          durable with it.
   * Why:     acts that arrive while one insert is under way go into the next together, so a rush costs few commits.
   */
  receive(openingId: string, kind: string, stored: StoredSubmission): Promise<Received>;
};

/** The database's time once the intake's lock is held, and when the last entry of each of these openings was written. */
async function readTimes(
  tx: TransactionSql,
  openingIds: readonly string[],
): Promise<{ readonly at: number; readonly writtenAt: ReadonlyMap<string, number> }> {
  const rows = await tx<{ at: number; openingId: string | null; writtenAt: string | null }[]>`
    WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(${INTAKE_LOCK})),
      clock AS MATERIALIZED (SELECT ${databaseTime(tx)} AS at FROM held)
    SELECT clock.at, l.opening_id AS "openingId", convert_from(e.bytes, 'UTF8')::json ->> 'at' AS "writtenAt"
    FROM clock LEFT JOIN logs l ON l.opening_id = ANY (${[...new Set(openingIds)]}::text[])
    LEFT JOIN entries e ON e.origin = l.origin AND e.seq = l.size - 1`;
  const [first] = rows;
  if (first === undefined) throw new Error('the database does not know what time it is');
  const written = rows.flatMap(({ openingId, writtenAt }): [string, number][] =>
    openingId === null || writtenAt === null ? [] : [[openingId, parseInstant(writtenAt)]],
  );
  return { at: first.at, writtenAt: new Map(written) };
}

export function createIntake(sql: Sql, world: World): Intake {
  let waiting: Waiting[] = [];
  let busy = false;
  let latestAt = 0;
  const logins = createDurableLogins();

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
    const { received, committed } = await sql.begin(async (tx) => {
      const { hashes, committed } = await logins.store(
        tx,
        batch.map(({ stored }) => stored.login),
      );
      const { at, writtenAt } = await readTimes(
        tx,
        batch.map((w) => w.openingId),
      );
      // A clock that was set back must not make a later act look earlier: neither than another, nor than what its author saw.
      const now = Math.max(recorderTime(world, at), latestAt);
      const times = batch.map((w) => Math.max(now, writtenAt.get(w.openingId) ?? now));
      const inserted = await tx<{ readonly id: number; readonly receivedAt: number }[]>`
        INSERT INTO intake (opening_id, received_at, kind, content, login_sha256)
        SELECT opening_id, received_at, kind, convert_to(line, 'UTF8'), login_sha256
        FROM ROWS FROM (unnest(${batch.map((w) => w.openingId)}::text[]), unnest(${times}::bigint[]),
                        unnest(${batch.map((w) => w.kind)}::text[]),
                        string_to_table(${joinLines(batch.map(({ stored }) => stored.content))}, chr(10)),
                        unnest(${byteList(tx, hashes)}::bytea[]))
          WITH ORDINALITY AS i (opening_id, received_at, kind, line, login_sha256, n)
        ORDER BY n RETURNING id, received_at AS "receivedAt"`;
      latestAt = now;
      return {
        received: inserted.map((row, n) => ({ ...row, loginSha256: hashes[n] ?? null })),
        committed,
      };
    });
    committed();
    return received;
  }

  return {
    receive(openingId, kind, stored) {
      return new Promise((resolve, reject) => {
        waiting.push({ openingId, kind, stored, resolve, reject });
        if (busy) return;
        busy = true;
        void flush();
      });
    },
  };
}
