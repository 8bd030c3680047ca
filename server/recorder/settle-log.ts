/** Brings guard and database to agree about one log: after a failed transaction, a COMMIT of unknown outcome, or a crash. */
import type { LogKind } from '../core/log/origin.ts';
import { lockCommitted, storeCheckpoint } from '../store/append.ts';
import type { Sql } from '../store/driver.ts';
import type { Signer } from './signer.ts';

/**
 * Settles one log.
 *
 * Returns: the committed head, null when the log has no entry.
 * Throws:  RestoredBackupError when the database is behind what was let out.
 * Why:     under the lock of the head's row, so that no head that is just being committed is dropped.
 */
export async function settleLog(
  sql: Sql,
  signer: Signer,
  origin: string,
): Promise<{ readonly size: number; readonly root: Uint8Array } | null> {
  const { committed, head } = await sql.begin(async (tx) => {
    const committed = await lockCommitted(tx, origin);
    const head = await signer.settle(origin, committed);
    if (head !== null) await storeCheckpoint(tx, origin, head);
    return { committed, head };
  });
  if (head !== null) signer.show(origin, head);
  return committed;
}

/** Logs that are settled at one time: a token signs no more at once (command-key.ts), and each takes a connection of the database. */
const AT_ONCE = 4;

/**
 * Settles every log that database or guard knows, at start and before anything is signed.
 *
 * Throws: as `settleLog`.
 * Why:    only logs that something was under way for differ, a few; all others are compared in one look, so that the next leader
 *         begins as soon after a thousand openings as after ten. A head that grows behind that look is let out by whoever grew it.
 *         Of an opening the stored checkpoint is taken up as it is, and no key is asked; ledger and access log are signed anew at each
 *         start, because other keys may sign them than did before.
 */
export async function settleAll(sql: Sql, signer: Signer): Promise<void> {
  const rows = await sql<{ origin: string; kind: LogKind; size: number; root: Uint8Array; note: string | null }[]>`
    SELECT l.origin, l.kind, l.size, l.root, c.note
    FROM logs l LEFT JOIN checkpoints c ON c.origin = l.origin AND c.size = l.size WHERE l.size > 0`;
  const committed = new Map(rows.map((row) => [row.origin, row]));
  const left: string[] = [];
  for (const origin of new Set([...committed.keys(), ...signer.origins()])) {
    const row = committed.get(origin) ?? null;
    const isStored = row === null || row.note !== null;
    if (isStored && signer.isSettled(origin, row)) continue;
    const isTaken = row?.kind === 'opening' && row.note !== null && (await signer.takeUp(origin, row, row.note));
    if (!isTaken) left.push(origin);
  }
  const settleSome = async (): Promise<void> => {
    for (let origin = left.shift(); origin !== undefined; origin = left.shift())
      try {
        await settleLog(sql, signer, origin);
      } catch (error) {
        // the others end what they are at, and nothing further is begun
        left.length = 0;
        throw error;
      }
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, settleSome));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
