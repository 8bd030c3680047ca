/** Sweeps what erasures left where looking for it takes long: the intake, logins and judgements that nothing else stands on. */
import type { World } from '../world.ts';
import type { Sql } from './driver.ts';

/** Leftovers that one sweep takes; the rest waits for the next. */
export const SWEPT_AT_ONCE = 100;

/**
 * Sweeps the leftovers whose time has come, oldest first, each in a transaction of its own.
 *
 * Returns: how many went; what still waits for a session to end stays.
 * Why:     not within the erasure itself: it reads whole tables, and an erasure holds the lock of its opening's log.
 */
export async function sweepErasures({ sql, world }: { readonly sql: Sql; readonly world: World }): Promise<number> {
  for (let swept = 0; ; swept++) {
    if (swept === SWEPT_AT_ONCE || !(await sweepOne(sql, world))) return swept;
  }
}

async function sweepOne(sql: Sql, world: World): Promise<boolean> {
  return sql.begin(async (tx) => {
    // whole tables are read, however long that takes
    await tx`SET LOCAL statement_timeout = 0`;
    const [row] = await tx<{ swept: boolean }[]>`SELECT sweep_erasure(${world.now()}) AS swept`;
    return row?.swept === true;
  });
}
