/** One transaction that appends to logs, from its beginning to the moment others may see it; and the repair when it fails. */
import { announce } from '../store/announce.ts';
import type { Appended } from '../store/append.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { GuardRefusal } from './guard-faults.ts';
import { settleLog } from './settle-log.ts';
import { RestoredBackupError, type Signer } from './signer.ts';

export type CommitDependencies = { readonly sql: Sql; readonly signer: Signer };

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
    for (const origin of origins) await settleLog(sql, signer, origin);
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
