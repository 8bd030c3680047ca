/** Brings the tables up to date as their owner, and tells whether they are; forward only. */

import { join } from 'node:path';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { packageRoot } from '../root.ts';
import { openPool, type Sql, type Target } from './driver.ts';

/** Where the migrations lie, beside the sources as beside what the build emitted. */
export const migrationsFolder = join(packageRoot, 'migrations');

/** Any number will do, as long as every version of the server takes the same. */
const LOCK = 20_130_504;

/** The tables are not the ones this server was written for. */
export class MigrationError extends Error {
  readonly code = 'tables_are_not_current';
  constructor(message: string) {
    super(message);
    this.name = 'MigrationError';
  }
}

/**
 * Checks that the migrations applied are exactly ours.
 *
 * Throws: MigrationError, saying how far the tables are.
 * Why:    drizzle's migrator compares times only: a migration from a branch that is older than the last one applied would
 *         be left out without a word.
 */
export async function checkMigrated(sql: Sql): Promise<void> {
  const [{ table } = { table: null }] = await sql<{ table: string | null }[]>`
    SELECT to_regclass('drizzle.__drizzle_migrations')::text AS table`;
  const applied =
    table === null ? [] : await sql<{ hash: string }[]>`SELECT hash FROM drizzle.__drizzle_migrations ORDER BY id`;
  const ours = readMigrationFiles({ migrationsFolder });
  const same = ours.findIndex((migration, n) => applied[n]?.hash !== migration.hash);
  if (same !== -1 || applied.length > ours.length)
    throw new MigrationError(
      `The database has ${applied.length} migrations, this version ${ours.length}, and they agree in the first ` +
        `${same === -1 ? ours.length : same}. Either run this version's migrations (DATABASE_MIGRATION_URL), or it is another version's database.`,
    );
}

/**
 * Applies what is missing; several processes at once wait for one another.
 *
 * Shape:  `owner` owns the tables; `appUser`, when given, is let into the role kaibiao_app.
 * Throws: MigrationError when the tables are another version's; what PostgreSQL says otherwise.
 */
export async function migrateUp(owner: Target, appUser?: string): Promise<void> {
  // One connection: the lock belongs to it, and the migrator must use the same.
  const sql = openPool(owner, 1);
  try {
    await sql`SELECT pg_advisory_lock(${LOCK})`;
    await migrate(drizzle({ client: sql }), { migrationsFolder });
    await checkMigrated(sql);
    if (appUser !== undefined && appUser !== 'kaibiao_app') {
      const [{ member } = { member: false }] = await sql<{ member: boolean }[]>`
        SELECT pg_has_role(${appUser}, 'kaibiao_app', 'USAGE') AS member`;
      if (!member) await sql`GRANT kaibiao_app TO ${sql(appUser)}`;
    }
  } finally {
    await sql.end();
  }
}
