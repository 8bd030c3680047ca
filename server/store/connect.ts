/** Opens the database: the embedded one or the one configured; migrates as its owner, then works as kaibiao_app only. */
import { join } from 'node:path';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Config } from '../config.ts';
import { type Cluster, SUPERUSER, startCluster } from './cluster.ts';
import { openPool, type Sql, type Target, type TransactionSql } from './driver.ts';
import { checkMigrated, migrateUp } from './migrate.ts';

/** The database as the application identity. */
export type Database = {
  readonly sql: Sql;
  /** drizzle over the same pool. It leaves json and date columns of `sql` as text; there are none but drizzle's own. */
  readonly db: PostgresJsDatabase & { $client: Sql };
  /**
   * Hears a channel, on a connection of its own that comes back by itself.
   *
   * Shape:   `onListening` is called each time it begins to hear: read anew there, since what was said while the
   *          connection was away is lost.
   * Returns: what ends it.
   */
  listen(channel: string, hear: (payload: string) => void, onListening: () => void): Promise<() => Promise<void>>;
  /**
   * Runs a transaction on a connection of its own, opened for it and closed after it.
   *
   * Shape:  `giveUp` cuts the connection, as if it had been lost: what waits for an answer on it is told so.
   * Throws: what the work throws; CONNECTION_CLOSED when the connection is lost.
   */
  alone<T>(work: (tx: TransactionSql, giveUp: () => void) => Promise<T>): Promise<T>;
  /** What PostgreSQL calls the connections of this process. */
  readonly name: string;
  close(): Promise<void>;
};

type Settings = Pick<Config, 'databaseUrl' | 'databaseMigrationUrl' | 'databasePoolSize' | 'dataFolder'>;

const CLOSE_LIMIT_S = 5;

/**
 * Refuses to work as an identity that could rewrite the log.
 *
 * Throws: an Error that says which identity and why.
 */
async function checkIdentity(sql: Sql): Promise<void> {
  const [found] = await sql<{ name: string; isSuperuser: boolean; isMember: boolean; mayRewrite: boolean }[]>`
    SELECT current_user::text AS name, rolsuper AS "isSuperuser",
           pg_has_role(current_user, 'kaibiao_app', 'USAGE') AS "isMember",
           has_table_privilege('entries', 'UPDATE, DELETE, TRUNCATE, TRIGGER') AS "mayRewrite"
    FROM pg_roles WHERE rolname = current_user`;
  if (found === undefined) throw new Error('PostgreSQL does not know whom we are connected as');
  if (found.isSuperuser || found.mayRewrite)
    throw new Error(
      `DATABASE_URL connects as ${found.name}, who may rewrite the log: let it be a member of kaibiao_app only`,
    );
  if (!found.isMember) throw new Error(`DATABASE_URL connects as ${found.name}, who is not a member of kaibiao_app`);
}

/**
 * Connects as the application identity. `name` tells the processes of one database apart: see store/leadership.ts.
 *
 * Throws: MigrationError; an Error for an identity with too many or too few rights; what the connection says.
 */
export async function connect(app: Target, connections: number, name = 'kaibiao'): Promise<Database> {
  const sql = openPool(app, connections, name);
  try {
    await checkMigrated(sql);
    await checkIdentity(sql);
  } catch (error) {
    await sql.end({ timeout: CLOSE_LIMIT_S });
    throw error;
  }
  return {
    sql,
    db: drizzle({ client: sql }),
    async listen(channel, hear, onListening) {
      const { unlisten } = await sql.listen(channel, hear, onListening);
      return unlisten;
    },
    async alone<T>(work: (tx: TransactionSql, giveUp: () => void) => Promise<T>): Promise<T> {
      const own = openPool(app, 1, name);
      const giveUp = (): void => void own.end({ timeout: 0 });
      try {
        return (await own.begin((tx) => work(tx, giveUp))) as T;
      } finally {
        await own.end({ timeout: CLOSE_LIMIT_S });
      }
    },
    name,
    close: () => sql.end({ timeout: CLOSE_LIMIT_S }),
  };
}

/** Makes a database with its two identities in a cluster of ours, unless they are there. */
export async function makeDatabase(cluster: Cluster, database: string): Promise<{ owner: Target; app: Target }> {
  const at = { host: cluster.host, port: cluster.port };
  const sql = openPool({ ...at, database: 'postgres', user: SUPERUSER }, 1);
  try {
    for (const role of ['kaibiao_owner', 'kaibiao_app']) {
      const [there] = await sql`SELECT FROM pg_roles WHERE rolname = ${role}`;
      if (there === undefined) await sql`CREATE ROLE ${sql(role)} LOGIN`.catch(exceptWhenThere);
    }
    const [there] = await sql`SELECT FROM pg_database WHERE datname = ${database}`;
    if (there === undefined)
      await sql`CREATE DATABASE ${sql(database)} OWNER kaibiao_owner STRATEGY FILE_COPY`.catch(exceptWhenThere);
  } finally {
    await sql.end();
  }
  return { owner: { ...at, database, user: 'kaibiao_owner' }, app: { ...at, database, user: 'kaibiao_app' } };
}

/** Another process may have made the same thing since we looked. */
function exceptWhenThere(error: { readonly code?: string }): void {
  const thereAlready = ['42710', '42P04', '23505'];
  if (error.code === undefined || !thereAlready.includes(error.code)) throw error;
}

/**
 * Opens the database that the configuration names, migrated.
 *
 * Throws: as `connect` and `startCluster`; MigrationError also when there is no DATABASE_MIGRATION_URL to migrate with.
 */
export async function openDatabase(settings: Settings, name = 'kaibiao'): Promise<Database> {
  const { databaseUrl, databaseMigrationUrl, databasePoolSize } = settings;
  if (databaseUrl !== null) {
    const appUser = decodeURIComponent(new URL(databaseUrl).username);
    if (databaseMigrationUrl !== null) await migrateUp(databaseMigrationUrl, appUser === '' ? undefined : appUser);
    return connect(databaseUrl, databasePoolSize, name);
  }
  const cluster = await startCluster({ folder: join(settings.dataFolder, 'postgres') });
  try {
    const { owner, app } = await makeDatabase(cluster, 'kaibiao');
    await migrateUp(owner);
    const database = await connect(app, databasePoolSize, name);
    return {
      ...database,
      async close() {
        await database.close();
        await cluster.leave();
      },
    };
  } catch (error) {
    await cluster.leave();
    throw error;
  }
}

/**
 * Opens the database as the owner of its tables, for backups. Nothing else of this program works as the owner.
 *
 * Shape:  `migrates` brings the tables up to date first: for a restore. A backup leaves a running server's tables as they are.
 * Throws: MigrationError; an Error when another database is configured than the embedded one, and no DATABASE_MIGRATION_URL.
 */
export async function openAsOwner(
  settings: Settings,
  migrates: boolean,
): Promise<{ readonly sql: Sql; close(): Promise<void> }> {
  const { databaseUrl, databaseMigrationUrl } = settings;
  if (databaseUrl !== null) {
    if (databaseMigrationUrl === null)
      throw new Error('DATABASE_MIGRATION_URL is not set: a backup is taken as the owner');
    const appUser = decodeURIComponent(new URL(databaseUrl).username);
    if (migrates) await migrateUp(databaseMigrationUrl, appUser === '' ? undefined : appUser);
    const sql = openPool(databaseMigrationUrl, 1);
    if (!migrates) await checkMigrated(sql);
    return { sql, close: () => sql.end({ timeout: CLOSE_LIMIT_S }) };
  }
  const cluster = await startCluster({ folder: join(settings.dataFolder, 'postgres') });
  try {
    const { owner } = await makeDatabase(cluster, 'kaibiao');
    if (migrates) await migrateUp(owner);
    const sql = openPool(owner, 1);
    if (!migrates) await checkMigrated(sql);
    return {
      sql,
      async close() {
        await sql.end({ timeout: CLOSE_LIMIT_S });
        await cluster.leave();
      },
    };
  } catch (error) {
    await cluster.leave();
    throw error;
  }
}
