/** One transaction that appends to logs, from its beginning to the moment others may see it; and the repair when it fails. */
import { announce } from '../store/announce.ts';
import { type Appended, storeCheckpoint } from '../store/append.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { GuardRefusal } from './guard-faults.ts';
import type { GuardedHead } from './guard-journal.ts';
import type { ReleasedHead } from './head-desk.ts';
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
 *   2. guard notes the new head    settled at start: not committed, so dropped; no signature of it exists.
 *   3. COMMIT                      settled at start: committed, so let out; nobody saw it before.
 *   4. guard lets the head out     for good. Only now is it signed.
 *   5. its checkpoint is stored    settled at start: signed again, it is the same, and stored.
 *   6. shown                       visible to every reader from here on; in other processes since 5.
 *   7. announced                   a listener that missed it reads anew when it listens again.
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
  for (const { origin, size, root } of last.values()) await letOut(dependencies, origin, { size, root });
  for (const { origin, size } of last.values()) await announce(sql, origin, size);
  return answer;
}

/**
 * Lets out a head that is committed: signed for good, its checkpoint stored, then shown.
 *
 * Returns: the head with its checkpoint; null when a larger one is out already, which covers it.
 * Throws:  what the signer and the database say; the log is then to be settled.
 */
export async function letOut(
  { sql, signer }: CommitDependencies,
  origin: string,
  { size, root }: GuardedHead,
): Promise<ReleasedHead | null> {
  const head = await signer.release(origin, size, root);
  if (head === null) return null;
  await storeCheckpoint(sql, origin, head);
  signer.show(origin, head);
  return head;
}
