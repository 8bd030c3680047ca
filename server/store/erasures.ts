/** Sweeps what erasures left where looking for it takes long: the intake, logins and judgements that nothing else stands on. */
import type { World } from '../world.ts';
import { limitStatements, type Sql } from './driver.ts';

/** How long the search for one leftover may take, ms: it reads whole tables, and whoever stops waits for it. */
const SEARCH_LIMIT_MS = 600_000;

/**
 * Sweeps the leftovers whose time has come, oldest first, each in a transaction of its own.
 *
 * Returns: how many went; what still waits for a session to end stays.
 * Shape:   `mayGoOn` is asked before each.
 * Why:     not within the erasure itself: it reads whole tables, and an erasure holds the lock of its opening's log.
 */
export async function sweepErasures({
  sql,
  world,
  mayGoOn = () => true,
}: {
  readonly sql: Sql;
  readonly world: World;
  readonly mayGoOn?: () => boolean;
}): Promise<number> {
  let swept = 0;
  for (let behind = 0; mayGoOn(); swept++) {
    const last = await sweepOne(sql, world, behind);
    if (last === null) break;
    behind = last;
  }
  return swept;
}

/** The id of the leftover that went; null when there is none. */
async function sweepOne(sql: Sql, world: World, behind: number): Promise<number | null> {
  return sql.begin(async (tx) => {
    await limitStatements(tx, SEARCH_LIMIT_MS);
    const [row] = await tx<{ swept: number | null }[]>`SELECT sweep_erasure(${world.now()}, ${behind}) AS swept`;
    return row?.swept ?? null;
  });
}
