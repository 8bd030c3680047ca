/** The recorder's clock: the database's, which all server processes share; in tests the injected world's. */
import { systemWorld, type World } from '../world.ts';
import type { Sql, TransactionSql } from './driver.ts';

/**
 * The present instant.
 *
 * Units: integer ms since 1970-01-01T00:00Z.
 * Why:   clock_timestamp() and not now(): in a transaction the latter stands still at its beginning.
 */
export async function readClock(sql: Sql | TransactionSql, world: World): Promise<number> {
  if (world !== systemWorld) return world.now();
  const [row] = await sql<{ at: number }[]>`SELECT ${databaseTime(sql)} AS at`;
  if (row === undefined) throw new Error('the database does not know what time it is');
  return row.at;
}

/** The database's clock as part of a statement that asks other things, too: integer ms; see `recorderTime`. */
export function databaseTime(sql: Sql | TransactionSql) {
  return sql`floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;
}

/** The recorder's time, given what the database said it was in the same statement. */
export function recorderTime(world: World, databaseAt: number): number {
  return world === systemWorld ? databaseAt : world.now();
}

/**
 * How far this process's clock is ahead of the recorder's, in ms; negative when it is behind.
 *
 * Why: half of what the question took is taken off, as the answer was read somewhere on the way.
 */
export async function clockOffset(sql: Sql, world: World): Promise<number> {
  const askedAt = world.now();
  const at = await readClock(sql, world);
  const heardAt = world.now();
  return Math.round((askedAt + heardAt) / 2 - at);
}
