/** What a simulation needs beside its seed: a database, a folder for the guard, and the people. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../../server/store/cluster.ts';
import { testDb } from '../support/database.ts';
import { makeTown, type Town } from './people.ts';
import { type Setting, START_AT } from './simulate.ts';

type Teardown = { teardown(act: () => Promise<void>): void };

/** The guard syncs its journal at every append; in memory that costs little, and no power is lost here. */
const IN_MEMORY = '/dev/shm';
const CONNECTIONS = 2;

let town: Promise<Town> | null = null;

/**
 * A PostgreSQL for one long run alone.
 *
 * Why: the tests' cluster comes and goes with whoever tests this checkout meanwhile, and is not tidied up by itself, which a run of
 *      hours needs.
 */
export async function ownCluster(t: Teardown): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-soak-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return startCluster({ folder: join(folder, 'postgres'), isDurable: false, settings: { max_connections: '100' } });
}

/** A fresh database and folder; the people are the same for all simulations of a process, for their keys take long to make. */
export async function soakStage(
  t: Teardown,
  start?: () => Promise<Cluster>,
): Promise<Pick<Setting, 'target' | 'sql' | 'dataFolder' | 'town'>> {
  const database = await testDb(t, CONNECTIONS, start);
  const dataFolder = await mkdtemp(join(existsSync(IN_MEMORY) ? IN_MEMORY : tmpdir(), 'kaibiao-soak-'));
  t.teardown(() => rm(dataFolder, { recursive: true, force: true }));
  town ??= makeTown(START_AT);
  return { target: database.app, sql: database.superuser, dataFolder, town: await town };
}
