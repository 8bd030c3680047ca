/** Brings guard and database to agree about one log: after a failed transaction, a COMMIT of unknown outcome, or a crash. */
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

/**
 * Settles every log that database or guard knows, at start and before anything is signed.
 *
 * Throws: as `settleLog`.
 * Why:    only logs that something was under way for differ, a few; all others are compared in one look, so that the next leader
 *         begins as soon after a thousand openings as after ten. A head that grows behind that look is let out by whoever grew it.
 */
export async function settleAll(sql: Sql, signer: Signer): Promise<void> {
  const rows = await sql<{ origin: string; size: number; root: Uint8Array; isStored: boolean }[]>`
    SELECT l.origin, l.size, l.root, c.size IS NOT NULL AS "isStored"
    FROM logs l LEFT JOIN checkpoints c ON c.origin = l.origin AND c.size = l.size WHERE l.size > 0`;
  const committed = new Map(rows.map((row) => [row.origin, row]));
  for (const origin of new Set([...committed.keys(), ...signer.origins()])) {
    const row = committed.get(origin) ?? null;
    if (!signer.isSettled(origin, row) || row?.isStored === false) await settleLog(sql, signer, origin);
  }
}
