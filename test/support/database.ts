/** A database of a test's own, migrated, with both identities; it goes with the test. */

import { createHash } from 'node:crypto';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { type Cluster, SUPERUSER } from '../../server/store/cluster.ts';
import { connect, type Database, makeDatabase } from '../../server/store/connect.ts';
import { openPool, type Sql, type Target } from '../../server/store/driver.ts';
import { migrateUp, migrationsFolder } from '../../server/store/migrate.ts';
import { startTestCluster } from './cluster.ts';

export type TestDatabase = Database & {
  /** Where it is, for a server process of its own: the application identity and the owner. */
  readonly app: Place;
  readonly owner: Place;
  /** The application identity as a URL, for DATABASE_URL of a child process. */
  readonly appUrl: string;
  readonly ownerUrl: string;
  /** A pool as PostgreSQL's superuser: what an intruder with all rights can do, and what a test must look at. */
  readonly superuser: Sql;
};

/** What a test brings: tap's `t`. */
type Teardown = { teardown(act: () => Promise<void>): void };

type Place = Exclude<Target, string>;

let made = 0;

function urlOf(target: Place): string {
  // The driver reads a socket folder from the query; a URL's host cannot hold a path.
  return `postgres://${target.user}@localhost:${target.port}/${target.database}?host=${encodeURIComponent(target.host)}`;
}

/** A migrated database to copy, named after the migrations; made by the first test that needs it. */
async function templateOf(cluster: Cluster, admin: Sql): Promise<string> {
  const hash = createHash('sha256');
  for (const migration of readMigrationFiles({ migrationsFolder })) hash.update(migration.hash);
  const template = `template_${hash.digest('hex').slice(0, 16)}`;
  await admin`SELECT pg_advisory_lock(1)`;
  const [there] = await admin`SELECT FROM pg_database WHERE datname = ${template}`;
  if (there === undefined) {
    const part = `${template}_part`;
    await admin`DROP DATABASE IF EXISTS ${admin(part)}`;
    await migrateUp((await makeDatabase(cluster, part)).owner);
    await admin`ALTER DATABASE ${admin(part)} RENAME TO ${admin(template)}`;
  }
  await admin`SELECT pg_advisory_unlock(1)`;
  return template;
}

/**
 * A fresh database.
 *
 * Shape:  `connections` of the application identity, as `databasePoolSize`; `startCluster` where it is not the tests' own cluster.
 * Why:    each test file and test its own: they run side by side in the one cluster.
 */
export async function testDb(
  t: Teardown,
  connections = 8,
  startCluster: () => Promise<Cluster> = startTestCluster,
): Promise<TestDatabase> {
  const cluster = await startCluster();
  const at = { host: cluster.host, port: cluster.port };
  const name = `t_${process.pid}_${made++}`;
  // Stays open to the end: a later connection might find all places taken.
  const admin = openPool({ ...at, database: 'postgres', user: SUPERUSER }, 1);
  t.teardown(async () => {
    await admin`DROP DATABASE IF EXISTS ${admin(name)} WITH (FORCE)`;
    await admin.end();
    await cluster.leave();
  });
  await admin`CREATE DATABASE ${admin(name)} TEMPLATE ${admin(await templateOf(cluster, admin))}
              OWNER kaibiao_owner STRATEGY FILE_COPY`;
  const owner: Place = { ...at, database: name, user: 'kaibiao_owner' };
  const app: Place = { ...at, database: name, user: 'kaibiao_app' };
  const superuser = openPool({ ...at, database: name, user: SUPERUSER }, 2);
  const database = await connect(app, connections);
  t.teardown(async () => {
    await database.close();
    await superuser.end({ timeout: 5 });
  });
  return { ...database, owner, app, appUrl: urlOf(app), ownerUrl: urlOf(owner), superuser };
}
