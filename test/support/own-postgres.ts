/** A PostgreSQL of a test's own, that it may kill and start again, with a line to it that it may cut. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, SUPERUSER, startCluster } from '../../server/store/cluster.ts';
import { makeDatabase } from '../../server/store/connect.ts';
import { openPool, type Sql } from '../../server/store/driver.ts';
import { migrateUp } from '../../server/store/migrate.ts';
import { type Line, lineTo } from './line.ts';

const DATABASE = 'kaibiao';

type Teardown = { teardown(act: () => Promise<void>): void };

export type OwnPostgres = {
  /** Between the server and the database. */
  readonly line: Line;
  /** What a server is told of it: the way over the line. */
  readonly url: string;
  /** Kills it with SIGKILL and starts it again on the same files; the line finds it. */
  killAndStart(): Promise<void>;
  /** Asks something with every right, past the line. */
  asSuperuser<Value>(ask: (sql: Sql) => Promise<Value>): Promise<Value>;
};

export async function ownPostgres(t: Teardown, folder: string): Promise<OwnPostgres> {
  const files = join(folder, 'postgres');
  let cluster: Cluster = await startCluster({ folder: files });
  // Each start counts as a user of its own, and the last to leave stops it.
  const started = [cluster];
  t.teardown(async () => {
    for (const each of started) await each.leave();
  });
  const { owner } = await makeDatabase(cluster, DATABASE);
  await migrateUp(owner);
  const place = { host: cluster.host, port: cluster.port, database: DATABASE, user: 'kaibiao_app' };
  const line = await lineTo(t, place);
  return {
    line,
    url: `postgres://${place.user}@localhost:${place.port}/${DATABASE}?host=${encodeURIComponent(line.place.host)}`,
    async killAndStart() {
      process.kill(cluster.pid, 'SIGKILL');
      // It dies a moment later, and until then looks alive to whoever starts it: that one would adopt a dying cluster.
      while (existsSync(`/proc/${cluster.pid}/cwd`)) await sleep(5);
      cluster = await startCluster({ folder: files });
      started.push(cluster);
      // its socket lies elsewhere after each start
      place.host = cluster.host;
    },
    async asSuperuser(ask) {
      const sql = openPool({ host: cluster.host, port: cluster.port, database: DATABASE, user: SUPERUSER }, 2);
      try {
        return await ask(sql);
      } finally {
        await sql.end({ timeout: 1 });
      }
    },
  };
}
