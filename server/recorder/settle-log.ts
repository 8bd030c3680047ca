/** Brings guard and database to agree about one log: after a failed transaction, a COMMIT of unknown outcome, or a crash. */
import { lockCommitted } from '../store/append.ts';
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
  return sql.begin(async (tx) => {
    const committed = await lockCommitted(tx, origin);
    await signer.settle(origin, committed);
    return committed;
  });
}

/** Settles every log that database or guard knows, at start and before anything is signed. Throws: as `settleLog`. */
export async function settleAll(sql: Sql, signer: Signer): Promise<void> {
  const rows = await sql<{ origin: string }[]>`SELECT origin FROM logs`;
  const origins = new Set([...rows.map((row) => row.origin), ...signer.origins()]);
  for (const origin of origins) await settleLog(sql, signer, origin);
}
