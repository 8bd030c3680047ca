/** The tests' one PostgreSQL: started before the suite, or by a test file that runs alone; the last to leave stops it. */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';
import { type Cluster, SUPERUSER, startCluster } from '../../server/store/cluster.ts';
import { openPool } from '../../server/store/driver.ts';

// Not inside the checkout, which PostgreSQL's own user may be unable to enter; named after it, so that two do not meet.
const checkout = createHash('sha256').update(packageRoot).digest('hex').slice(0, 8);

export async function startTestCluster(): Promise<Cluster> {
  const cluster = await startCluster({
    folder: join(tmpdir(), `kaibiao-test-${checkout}`),
    isDurable: false,
    settings: {
      max_connections: '400',
      shared_buffers: '64MB',
      autovacuum: 'off',
      wal_level: 'minimal',
      max_wal_senders: '0',
    },
  });
  if (!cluster.isAdopted) await dropLeft(cluster);
  return cluster;
}

/** Databases of tests that were killed: they may lie in memory. */
async function dropLeft({ host, port }: Cluster): Promise<void> {
  const admin = openPool({ host, port, database: 'postgres', user: SUPERUSER }, 1);
  const found = await admin<{ name: string }[]>`SELECT datname AS name FROM pg_database WHERE datname ~ '^t_[0-9]+_'`;
  for (const { name } of found)
    if (!existsSync(`/proc/${name.split('_')[1]}`)) await admin`DROP DATABASE IF EXISTS ${admin(name)} WITH (FORCE)`;
  await admin.end();
}
