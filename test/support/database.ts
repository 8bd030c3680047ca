/** A database of a test's own, migrated, with both identities; it goes with the test. */

import { SUPERUSER } from '../../server/store/cluster.ts';
import { connect, type Database, makeDatabase } from '../../server/store/connect.ts';
import { openPool, type Sql, type Target } from '../../server/store/driver.ts';
import { migrateUp } from '../../server/store/migrate.ts';
import { startTestCluster } from './cluster.ts';

export type TestDatabase = Database & {
  /** Where it is, for a server process of its own: the application identity and the owner. */
  readonly app: Target;
  readonly owner: Target;
  /** The application identity as a URL, for DATABASE_URL of a child process. */
  readonly appUrl: string;
  readonly ownerUrl: string;
  /** A pool as PostgreSQL's superuser: what an intruder with all rights can do, and what a test must look at. */
  readonly superuser: Sql;
};

/** What a test brings: tap's `t`. */
type Teardown = { teardown(act: () => Promise<void>): void };

let made = 0;

function urlOf(target: Exclude<Target, string>): string {
  // The driver reads a socket folder from the query; a URL's host cannot hold a path.
  return `postgres://${target.user}@localhost:${target.port}/${target.database}?host=${encodeURIComponent(target.host)}`;
}

/**
 * A fresh database.
 *
 * Shape:  `connections` of the application identity, as `databasePoolSize`.
 * Why:    each test file and test its own: they run side by side in the one cluster.
 */
export async function testDb(t: Teardown, connections = 8): Promise<TestDatabase> {
  const cluster = await startTestCluster();
  const name = `t_${process.pid}_${made++}`;
  const { owner, app } = await makeDatabase(cluster, name);
  await migrateUp(owner);
  const at = { host: cluster.host, port: cluster.port };
  const superuser = openPool({ ...at, database: name, user: SUPERUSER }, 2);
  const database = await connect(app, connections);
  t.teardown(async () => {
    await database.close();
    await superuser.end({ timeout: 5 });
    const admin = openPool({ ...at, database: 'postgres', user: SUPERUSER }, 1);
    await admin`DROP DATABASE ${admin(name)} WITH (FORCE)`;
    await admin.end();
    await cluster.leave();
  });
  return {
    ...database,
    owner,
    app,
    appUrl: urlOf({ ...at, database: name, user: 'kaibiao_app' }),
    ownerUrl: urlOf({ ...at, database: name, user: 'kaibiao_owner' }),
    superuser,
  };
}
