/** One transaction that appends to logs, from its beginning to the moment others may see it; and the repair when it fails. */
import { announce } from '../store/announce.ts';
import { type Appended, lockCommitted } from '../store/append.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { GuardRefusal } from './guard.ts';
import { RestoredBackupError, type Signer } from './signer.ts';

export type CommitDependencies = { readonly sql: Sql; readonly signer: Signer };

/** Logs settled in one statement at start. */
const SETTLE_BATCH = 1000;

/**
 * Brings the guard in line with what is committed of one log.
 *
 * Throws: RestoredBackupError, GuardFault, what the database says.
 * Why:    the row is locked meanwhile: a transaction whose COMMIT is still under way is waited for, and none that has just been
 *         signed is dropped.
 */
export async function settleLog({ sql, signer }: CommitDependencies, origin: string): Promise<void> {
  await sql.begin(async (tx) => signer.settle(origin, await lockCommitted(tx, origin)));
}

/**
 * Brings the guard in line with the whole database, at start, before anything is served.
 *
 * Throws: RestoredBackupError for the first log where guard and database contradict each other: the server stays read-only.
 */
export async function settleAll({ sql, signer }: CommitDependencies): Promise<void> {
  const heard = new Set(signer.origins());
  for (let after = ''; ; ) {
    const last = await sql.begin(async (tx) => {
      const rows = await tx<{ origin: string; size: number; root: Uint8Array }[]>`
        SELECT origin, size, root FROM logs WHERE origin > ${after} ORDER BY origin LIMIT ${SETTLE_BATCH} FOR UPDATE`;
      for (const { origin, size, root } of rows) {
        heard.delete(origin);
        await signer.settle(origin, size === 0 ? null : { size, root });
      }
      return rows.at(-1)?.origin;
    });
    if (last === undefined) break;
    after = last;
  }
  for (const origin of heard) await signer.settle(origin, null);
}

/**
 * Runs a transaction that appends, and lets out what it appended.
 *
 * Shape:   `work` appends to any of `origins` (and to no other log) and returns what `appendEntries` gave it, with its answer;
 *          it may run twice, so it has no effects but those of its transaction.
 * Returns: the answer, once every head is let out and announced.
 * Throws:  what `work` and the database throw. A COMMIT with unknown outcome throws too: it may have been done, so the caller
 *          reads anew and asks again with the same idempotency id.
 *
 * The order of effects, and what a crash after each leaves:
 *   1. entries, tree, head         uncommitted: the database forgets them.
 *   2. guard notes the new head    settled at start: not committed, so dropped.
 *   3. COMMIT                      settled at start: committed, so let out; nobody saw it before.
 *   4. guard lets the head out     visible to every reader from here on.
 *   5. announced                   a listener that missed it reads anew when it listens again.
 */
export async function commit<Answer>(
  dependencies: CommitDependencies,
  origins: readonly string[],
  work: (tx: TransactionSql) => Promise<{ readonly appended: readonly Appended[]; readonly answer: Answer }>,
): Promise<Answer> {
  const { sql, signer } = dependencies;
  const run = () => sql.begin(work);
  const settle = async (): Promise<void> => {
    for (const origin of origins) await settleLog(dependencies, origin);
  };
  let done: Awaited<ReturnType<typeof run>>;
  try {
    try {
      done = await run();
    } catch (error) {
      // An earlier failure could not be settled, perhaps because the database was away.
      if (!(error instanceof GuardRefusal && error.code === 'unsettled_pending')) throw error;
      await settle();
      done = await run();
    }
  } catch (error) {
    await settle().catch((settling: unknown) => {
      // That database and guard contradict each other is worse news than what we came from; that it cannot be reached is not.
      if (settling instanceof RestoredBackupError) throw settling;
    });
    throw error;
  }
  const { appended, answer } = done as { appended: readonly Appended[]; answer: Answer };
  // Of several appends to one log only the last head is let out; it covers the others.
  const last = new Map(appended.map(({ head }) => [head.origin, head]));
  for (const { origin, size, root } of last.values()) await signer.release(origin, size, root);
  for (const { origin, size } of last.values()) await announce(sql, origin, size);
  return answer;
}
