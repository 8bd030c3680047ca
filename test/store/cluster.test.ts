/** The embedded PostgreSQL's launcher: start, adopt, share, and come back after kills at every point. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, readlink, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, SUPERUSER, startCluster } from '../../server/store/cluster.ts';
import { openPool } from '../../server/store/driver.ts';
import { newFolder } from '../support/folder.ts';
import { scriptOf } from '../support/script.ts';
import t from '../support/tap.ts';

const start = (folder: string): Promise<Cluster> => startCluster({ folder, isDurable: false });

/** Asks the server something, as a client that comes and goes. */
async function ask<Row extends object>(cluster: Cluster, query: string): Promise<Row[]> {
  const sql = openPool({ host: cluster.host, port: cluster.port, database: 'postgres', user: SUPERUSER }, 1);
  try {
    return [...(await sql.unsafe<Row[]>(query))];
  } finally {
    await sql.end();
  }
}

/** Whether a process runs; a zombie does not. */
async function runs(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return !/\) Z/.test(state);
}

async function untilGone(pid: number): Promise<void> {
  while (await runs(pid)) await sleep(5);
}

/** Another process that starts or adopts the cluster. */
async function otherUser(folder: string): Promise<{ child: ChildProcess; pid: number; isAdopted: boolean }> {
  const { execArgv, path } = scriptOf('test/support/cluster-user.ts');
  const child = spawn(process.execPath, [...execArgv, path, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout as NodeJS.EventEmitter, 'data')) as [Buffer];
  return { child, ...(JSON.parse(line.toString()) as { pid: number; isAdopted: boolean }) };
}

/** Made once: most tests need only some cluster that is stopped. */
let made: string;
t.before(async () => {
  made = await newFolder(t, 'postgres');
});

t.test('starts from nothing, answers, and stops with its last user', async (t) => {
  const cluster = await start(made);
  t.notOk(cluster.isAdopted);
  t.strictSame(await ask(cluster, 'SELECT 1 AS one'), [{ one: 1 }]);
  const [settings] = await ask(
    cluster,
    `SELECT current_setting('listen_addresses') AS addresses, current_setting('data_checksums') AS checksums,
      current_setting('server_encoding') AS encoding, 'a' < 'Z' AS "ignoresCase"`,
  );
  t.strictSame(settings, { addresses: '', checksums: 'on', encoding: 'UTF8', ignoresCase: false });
  await cluster.leave();
  t.notOk(await runs(cluster.pid));
  t.notOk(existsSync(cluster.host), 'its socket folder has gone');
});

t.test('only its own user may enter the socket’s folder, and its path is short', async (t) => {
  const cluster = await start(made);
  const { mode, uid } = await stat(cluster.host);
  t.equal(mode & 0o777, 0o700);
  t.equal(uid, process.getuid?.() === 0 ? 65_534 : process.getuid?.());
  t.ok(`${cluster.host}/.s.PGSQL.${cluster.port}`.length < 108);
  await cluster.leave();
});

t.test('keeps what it was told, from one start to the next', async (t) => {
  const folder = made;
  const first = await start(folder);
  await ask(first, 'CREATE TABLE kept AS SELECT 7 AS n');
  await first.leave();
  const second = await start(folder);
  t.notOk(second.isAdopted);
  t.strictSame(await ask(second, 'SELECT n FROM kept'), [{ n: 7 }]);
  await second.leave();
});

t.test('started twice by one process it is the same one, and stops with the second leave', async (t) => {
  const folder = made;
  const [one, two] = await Promise.all([start(folder), start(folder)]);
  t.equal(one.pid, two.pid);
  t.strictSame([one.isAdopted, two.isAdopted].sort(), [false, true]);
  await one.leave();
  t.ok(await runs(two.pid));
  await two.leave();
  t.notOk(await runs(two.pid));
});

t.test('processes that start it at the same time share it; the last one to leave stops it', async (t) => {
  const folder = await newFolder(t, 'postgres');
  const users = await Promise.all([otherUser(folder), otherUser(folder), otherUser(folder)]);
  t.equal(new Set(users.map((user) => user.pid)).size, 1);
  t.equal(users.filter((user) => !user.isAdopted).length, 1);
  for (const [n, user] of users.entries()) {
    user.child.stdin?.end();
    await once(user.child, 'exit');
    t.equal(await runs(user.pid), n < 2);
  }
});

t.test('a user killed outright leaves it running; the next adopts it and can stop it', async (t) => {
  const folder = made;
  const user = await otherUser(folder);
  user.child.kill('SIGKILL');
  await once(user.child, 'exit');
  t.ok(await runs(user.pid));
  const cluster = await start(folder);
  t.ok(cluster.isAdopted);
  t.equal(cluster.pid, user.pid);
  await cluster.leave();
  t.notOk(await runs(user.pid), 'the dead user does not keep it up');
});

t.test('PostgreSQL killed outright comes back with what it had committed', async (t) => {
  const folder = await newFolder(t, 'postgres');
  // Durable: this is about its own recovery.
  const first = await startCluster({ folder });
  await ask(first, 'CREATE TABLE kept AS SELECT 7 AS n');
  process.kill(first.pid, 'SIGKILL');
  await untilGone(first.pid);
  const second = await startCluster({ folder });
  t.notOk(second.isAdopted);
  t.not(second.host, first.host);
  t.notOk(existsSync(first.host), 'the dead one’s socket folder has gone');
  t.strictSame(await ask(second, 'SELECT n FROM kept'), [{ n: 7 }]);
  await second.leave();
  await first.leave();
});

t.test('a busy backend that outlives its postmaster is ended before the new start', async (t) => {
  const folder = made;
  const first = await start(folder);
  const sql = openPool({ host: first.host, port: first.port, database: 'postgres', user: SUPERUSER }, 1);
  const [backend] = await sql`SELECT pg_backend_pid() AS pid`;
  const busy = Promise.resolve(sql`SELECT count(*) FROM generate_series(1, 2000000000)`).catch((error) => error);
  const isBusy = `SELECT FROM pg_stat_activity WHERE state = 'active' AND pid = ${backend?.['pid']}`;
  while ((await ask(first, isBusy)).length === 0) await sleep(5);
  process.kill(first.pid, 'SIGKILL');
  await untilGone(first.pid);
  t.ok(await runs(backend?.['pid']));
  const second = await start(folder);
  t.notOk(await runs(backend?.['pid']));
  t.strictSame(await ask(second, 'SELECT 1 AS one'), [{ one: 1 }]);
  await busy;
  await sql.end({ timeout: 1 });
  await second.leave();
  await first.leave();
});

t.test('a postmaster.pid that names a living stranger does not stop the start', async (t) => {
  const folder = made;
  await (await start(folder)).leave();
  const stale = [process.pid, `${folder}/data`, 0, 5432, '/nowhere', '', '', 'ready'].join('\n');
  await writeFile(join(folder, 'data/postmaster.pid'), stale);
  const cluster = await start(folder);
  t.notOk(cluster.isAdopted);
  t.strictSame(await ask(cluster, 'SELECT 1 AS one'), [{ one: 1 }]);
  await cluster.leave();
});

t.test('files half made by a killed start are not taken for a database', async (t) => {
  const folder = await newFolder(t, 'postgres');
  await mkdir(join(folder, 'data.part-dead'), { recursive: true });
  await writeFile(join(folder, 'data.part-dead/PG_VERSION'), '18\n');
  const cluster = await start(folder);
  t.strictSame((await readdir(folder)).sort(), ['data', 'postgres.log', 'users']);
  await cluster.leave();
});

t.test('a start that fails says what PostgreSQL said', async (t) => {
  const folder = made;
  await (await start(folder)).leave();
  await writeFile(join(folder, 'data/PG_VERSION'), '9\n');
  await t.rejects(start(folder), /PostgreSQL ended with 1; its log ends:[\s\S]*(incompatible|not compatible)/);
  await writeFile(join(folder, 'data/PG_VERSION'), '18\n');
  await (await start(folder)).leave();
});

t.test('its log holds neither the statement nor the row that failed', async (t) => {
  const folder = made;
  const cluster = await start(folder);
  await ask(cluster, 'CREATE TABLE bid (price text CHECK (price IS NULL))');
  await t.rejects(ask(cluster, `INSERT INTO bid VALUES ('12800000')`), { code: '23514' });
  await cluster.leave();
  const log = await readFile(join(folder, 'postgres.log'), 'utf8');
  t.match(log, /violates check constraint/);
  t.notMatch(log, /12800000/);
});

t.test('run by root below a folder closed to others, the database lies in an open place', async (t) => {
  if (process.getuid?.() !== 0) return t.pass('only root runs it as somebody else');
  const folder = await newFolder(t, 'postgres');
  await chmod(join(folder, '..'), 0o700);
  const cluster = await start(folder);
  t.ok((await lstat(folder)).isSymbolicLink());
  const place = await realpath(folder);
  t.match(await readlink(folder), /^\/var\/lib\/kaibiao\/postgres-/);
  t.strictSame(await ask(cluster, 'SELECT 1 AS one'), [{ one: 1 }]);
  await cluster.leave();
  const again = await start(folder);
  t.equal(await realpath(folder), place, 'the next start finds it');
  await again.leave();
  await rm(place, { recursive: true });
  return undefined;
});
