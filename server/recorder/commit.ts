/** One transaction that appends to logs, from its beginning to the moment others may see it; and the repair when it fails. */
import { sameBytes } from '../core/log/bytes.ts';
import { announce } from '../store/announce.ts';
import { type Appended, type Head, storeCheckpoint } from '../store/append.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { OutcomeUnknownError } from './faults.ts';
import { GuardFault, GuardRefusal } from './guard-faults.ts';
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
 * Returns: the answer, once every head is let out and announced; also where the answer of COMMIT was lost and settling shows that
 *          it was done.
 * Throws:  what `work` and the database throw: nothing was committed. Behind the end of `work`: OutcomeUnknownError where it may
 *          have been committed, or is and could not be let out; the caller reads anew and asks again with the same idempotency
 *          id. GuardFault and RestoredBackupError as they are, for from there on nothing may be signed.
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
  work: (tx: TransactionSql) => Promise<Work<Answer>>,
): Promise<Answer> {
  const { sql } = dependencies;
  /** What `work` made, once it came to its end: from there on an error is one of COMMIT, and says not whether it was done. */
  const finished: { work: Work<Answer> | null } = { work: null };
  const run = (): Promise<Work<Answer>> =>
    sql.begin(async (tx) => {
      finished.work = null;
      finished.work = await work(tx);
      return finished.work;
    }) as Promise<Work<Answer>>;
  let done: Work<Answer>;
  try {
    try {
      done = await run();
    } catch (error) {
      // An earlier failure could not be settled, perhaps because the database was away.
      if (!(error instanceof GuardRefusal && error.code === 'unsettled_pending')) throw error;
      await settleLogs(dependencies, origins);
      done = await run();
    }
  } catch (error) {
    const settled = await settleLogs(dependencies, origins).catch((settling: unknown) => {
      // That database and guard contradict each other is worse news than what we came from; that it cannot be reached is not.
      if (settling instanceof RestoredBackupError) throw settling;
      return null;
    });
    if (finished.work === null) throw error;
    const became = settled === null ? 'unknown' : becameOf(finished.work, settled);
    if (became === 'undone') throw error;
    if (became === 'unknown') throw new OutcomeUnknownError(error);
    done = finished.work;
  }
  try {
    await show(dependencies, done.appended);
  } catch (error) {
    // Committed: whatever failed, nothing of it may be done again but the letting out.
    if (error instanceof GuardFault) throw error;
    await showAgain(dependencies, origins, done.appended, error);
  }
  return done.answer;
}

type Work<Answer> = { readonly appended: readonly Appended[]; readonly answer: Answer };

/** The committed head of each log, all that is committed being let out. Throws: as `settleLog`. */
async function settleLogs({ sql, signer }: CommitDependencies, origins: readonly string[]) {
  const committed = new Map<string, GuardedHead>();
  for (const origin of origins) {
    const head = await settleLog(sql, signer, origin);
    if (head !== null) committed.set(origin, head);
  }
  return committed;
}

/** Of several appends to one log only the last head is let out; it covers the others. */
function lastHeads(appended: readonly Appended[]): Head[] {
  return [...new Map(appended.map(({ head }) => [head.origin, head])).values()];
}

/** What became of a transaction, seen by the heads that are committed now: one with our root is ours, a smaller one has none of it. */
function becameOf(
  { appended }: Work<unknown>,
  committed: ReadonlyMap<string, GuardedHead>,
): 'done' | 'undone' | 'unknown' {
  // They were committed together, so that any of them says it.
  for (const { origin, size, root } of lastHeads(appended)) {
    const now = committed.get(origin);
    if (now === undefined || now.size < size) return 'undone';
    if (now.size === size) return sameBytes(now.root, root) ? 'done' : 'undone';
  }
  return 'unknown';
}

async function show(dependencies: CommitDependencies, appended: readonly Appended[]): Promise<void> {
  const heads = lastHeads(appended);
  for (const { origin, size, root } of heads) await letOut(dependencies, origin, { size, root });
  for (const { origin, size } of heads) await announce(dependencies.sql, origin, size);
}

/** Tries once more what failed behind COMMIT. Throws: GuardFault, RestoredBackupError; OutcomeUnknownError for every other fault. */
async function showAgain(
  dependencies: CommitDependencies,
  origins: readonly string[],
  appended: readonly Appended[],
  cause: unknown,
): Promise<void> {
  try {
    await settleLogs(dependencies, origins);
    for (const { origin, size } of lastHeads(appended)) await announce(dependencies.sql, origin, size);
  } catch (error) {
    if (error instanceof GuardFault || error instanceof RestoredBackupError) throw error;
    throw new OutcomeUnknownError(cause);
  }
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
