/** Runs the embedded PostgreSQL from its npm package: makes it, starts it, adopts or clears what a crash left behind. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  findPrograms,
  makeFolder,
  makeOwn,
  NOBODY,
  orNull,
  type Programs,
  runsAsRoot,
  type User,
} from './cluster-files.ts';

/** A running cluster, as this process uses it. */
export type Cluster = {
  /** The folder of its Unix socket: what the driver takes as host. */
  readonly host: string;
  readonly port: number;
  /** The postmaster's process. */
  readonly pid: number;
  /** Whether it ran already. */
  readonly isAdopted: boolean;
  /** Leaves it; it stops with the last process that leaves. */
  leave(): Promise<void>;
};

export type ClusterOptions = {
  /** Made on first start; holds `data`, `users` and `postgres.log`. */
  readonly folder: string;
  /** false: a crash of the machine may lose everything. For tests. */
  readonly isDurable?: boolean;
  /** PostgreSQL's own settings. */
  readonly settings?: Readonly<Record<string, string>>;
};

/** PostgreSQL's superuser in a cluster of ours; its socket admits nobody but the server's own user. */
export const SUPERUSER = 'postgres';

const LOG_LIMIT_BYTES = 16 * 2 ** 20;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
let notesMade = 0;

/** Sends a signal; a process that is gone already needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Runs `act` while no other process on this machine does so for the same folder.
 *
 * Why: an abstract Unix socket is a lock that the kernel gives back when its holder dies, however it dies; a lock file
 *      would outlive a SIGKILL.
 */
async function alone<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const name = `\0kaibiao-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  for (let waitedMs = 0; ; waitedMs += 25) {
    const lock = createServer();
    const isHeld = await new Promise<boolean>((answer, fail) => {
      lock.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? answer(false) : fail(error)));
      lock.listen({ path: name }, () => answer(true));
    });
    if (isHeld) {
      try {
        return await act();
      } finally {
        await new Promise((closed) => lock.close(closed));
      }
    }
    if (waitedMs > START_LIMIT_MS + STOP_LIMIT_MS) throw new Error(`another process keeps ${folder} locked`);
    await sleep(25);
  }
}

/** When a process began, in clock ticks since boot: tells it from a later one with the same number. */
async function birthOf(pid: number): Promise<string | null> {
  const line = await orNull(readFile(`/proc/${pid}/stat`, 'utf8'));
  // The program's name stands in parentheses and may itself hold any character.
  return line?.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/** Whether a living process uses the cluster; each has noted its birth in a file. Notes of dead ones are taken away. */
async function isUsed(folder: string): Promise<boolean> {
  let used = false;
  for (const name of await readdir(join(folder, 'users'))) {
    const note = join(folder, 'users', name);
    if ((await birthOf(Number.parseInt(name, 10))) === (await readFile(note, 'utf8'))) used = true;
    else await rm(note);
  }
  return used;
}

/** Whether this is a live PostgreSQL process of this data folder. A zombie has no working folder: it does not count. */
async function worksIn(pid: number, data: string): Promise<boolean> {
  if ((await orNull(readlink(`/proc/${pid}/cwd`))) !== data) return false;
  return (await orNull(readFile(`/proc/${pid}/comm`, 'utf8')))?.trim() === 'postgres';
}

type Postmaster = { readonly pid: number; readonly port: number; readonly host: string; readonly isReady: boolean };

async function readPostmaster(data: string): Promise<Postmaster | null> {
  const text = await orNull(readFile(join(data, 'postmaster.pid'), 'utf8'));
  if (text === null) return null;
  const lines = text.split('\n');
  return {
    pid: Number(lines[0]),
    port: Number(lines[3]),
    host: lines[4] ?? '',
    isReady: lines[7]?.trim() === 'ready',
  };
}

/**
 * Clears the way after a crash.
 *
 * Why: postmaster.pid stays behind; PostgreSQL then refuses to start when the number in it belongs to any process of the
 *      same user, zombies included, as it easily does in a container; and a busy backend can outlive its postmaster
 *      ("shared memory block still in use"). So: end the orphans, wait until nothing works in the folder, take the file.
 */
async function clearAfterCrash(data: string, host: string): Promise<void> {
  for (let round = 0; ; round++) {
    const orphans: number[] = [];
    for (const name of await readdir('/proc'))
      if (/^\d+$/.test(name) && (await worksIn(Number(name), data))) orphans.push(Number(name));
    if (orphans.length === 0) break;
    if (round === 200) throw new Error(`PostgreSQL processes do not end: ${orphans.join(', ')} in ${data}`);
    for (const pid of orphans) signal(pid, round < 100 ? 'SIGTERM' : 'SIGQUIT');
    await sleep(50);
  }
  await rm(join(data, 'postmaster.pid'), { force: true });
  await removeSocketFolder(host);
}

/** A folder that only PostgreSQL's user may enter, new for each start; its path is short, since a socket's may be 107 bytes. */
async function makeSocketFolder(user: User): Promise<string> {
  const parent = tmpdir().length < 70 ? tmpdir() : '/tmp';
  const folder = await mkdtemp(join(parent, 'kaibiao-socket-'));
  await makeOwn(folder, user);
  return folder;
}

async function removeSocketFolder(folder: string): Promise<void> {
  // The path comes out of a file: nothing that this module did not make is removed.
  if (basename(folder).startsWith('kaibiao-socket-')) await rm(folder, { recursive: true, force: true });
}

const environment = { LC_ALL: 'C.UTF-8', TZ: 'UTC' };

/** Makes the database's files; under another name until they are whole, so that a killed start leaves no half of them. */
async function makeData(programs: Programs, user: User, data: string, isDurable: boolean): Promise<void> {
  for (const name of await readdir(dirname(data)))
    if (name.startsWith('data.part-')) await rm(join(dirname(data), name), { recursive: true });
  const part = await mkdtemp(`${data}.part-`);
  await makeOwn(part, user);
  await promisify(execFile)(
    programs.initdb,
    [
      ...['-D', part, '-U', SUPERUSER, '--auth-local=trust', '--auth-host=reject'],
      // Needs no locale of the system and sorts by code point, on every machine alike.
      ...['--encoding=UTF8', '--locale=C.UTF-8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
      ...['--data-checksums', '--no-instructions', ...(isDurable ? [] : ['--no-sync'])],
    ],
    { ...user, env: environment, cwd: '/' },
  );
  await rename(part, data);
}

/** The end of the server's log, for the message of a failed start. */
async function tailOf(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  return text.slice(-4096).trim();
}

/** Starts the postmaster and waits until it takes connections. */
async function launch(programs: Programs, user: User, folder: string, options: ClusterOptions): Promise<Postmaster> {
  const data = join(folder, 'data');
  const host = await makeSocketFolder(user);
  const settings: Record<string, string> = {
    listen_addresses: '',
    unix_socket_directories: host,
    unix_socket_permissions: '0700',
    // A failed statement's text and the row it failed on can hold what nobody may read yet.
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    ...(options.isDurable === false ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
    ...options.settings,
  };
  const logFile = join(folder, 'postgres.log');
  const log = await open(logFile, ((await orNull(stat(logFile)))?.size ?? 0) > LOG_LIMIT_BYTES ? 'w' : 'a');
  // A process group of its own: Ctrl-C ends us first, in order, and then it; SIGKILL of us leaves it for the next to adopt.
  const child = spawn(
    programs.postgres,
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...user, env: environment, cwd: '/', detached: true, stdio: ['ignore', 'ignore', log.fd] },
  );
  let end: string | undefined;
  child.on('exit', (code, by) => {
    end = `ended with ${code ?? by}`;
  });
  child.on('error', (error) => {
    end = `did not start: ${error.message}`;
  });
  child.unref();
  await log.close();
  for (let waitedMs = 0; waitedMs < START_LIMIT_MS; waitedMs += 10) {
    await sleep(10);
    if (end !== undefined) {
      await removeSocketFolder(host);
      throw new Error(`PostgreSQL ${end}; its log ends:\n${await tailOf(logFile)}`);
    }
    const postmaster = await readPostmaster(data);
    if (postmaster?.isReady === true && postmaster.pid === child.pid) return postmaster;
  }
  throw new Error(`PostgreSQL was not ready in ${START_LIMIT_MS} ms; its log ends:\n${await tailOf(logFile)}`);
}

/** Asks the postmaster to end (rolling back what runs) and waits until it has. */
async function stop(data: string): Promise<void> {
  const postmaster = await readPostmaster(data);
  if (postmaster === null) return;
  // Its working folder is looked at, not its number: that one stays as long as nobody has taken note of a zombie.
  for (let waitedMs = 0; await worksIn(postmaster.pid, data); waitedMs += 10) {
    if (waitedMs === 0) signal(postmaster.pid, 'SIGINT');
    if (waitedMs === STOP_LIMIT_MS) signal(postmaster.pid, 'SIGQUIT');
    if (waitedMs === 2 * STOP_LIMIT_MS) throw new Error(`PostgreSQL (${postmaster.pid}) does not end`);
    await sleep(10);
  }
  await removeSocketFolder(postmaster.host);
}

/**
 * Starts the cluster of a folder, or adopts the one that runs there.
 *
 * Throws: when the platform has no package, the programs fail (with the end of their log), or another process holds the
 *         folder for longer than a start and a stop may take.
 * Why:    no port, no password, nothing of the system's own: a Unix socket in a folder of mode 0700. Several processes
 *         (server, command line, test files) may use one folder at once: each is noted, and the last to leave stops it.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const programs = await findPrograms();
  const folder = await makeFolder(options.folder);
  const data = join(folder, 'data');
  // Named after the process, and numbered: one process may start the same cluster several times.
  const note = join(folder, 'users', `${process.pid}.${notesMade++}`);
  return alone(folder, async () => {
    const owner = await orNull(stat(data));
    // PostgreSQL refuses to run as root: then it runs as the owner of its files, nobody when there are none yet.
    const user = !runsAsRoot ? {} : owner === null || owner.uid === 0 ? NOBODY : { uid: owner.uid, gid: owner.gid };
    if (owner === null) await makeData(programs, user, data, options.isDurable !== false);

    const left = await readPostmaster(data);
    const isAdopted = left?.isReady === true && (await worksIn(left.pid, data));
    if (left !== null && !isAdopted) await clearAfterCrash(data, left.host);
    const postmaster = left !== null && isAdopted ? left : await launch(programs, user, folder, options);

    await mkdir(join(folder, 'users'), { recursive: true });
    await writeFile(note, (await birthOf(process.pid)) ?? '');
    return {
      host: postmaster.host,
      port: postmaster.port,
      pid: postmaster.pid,
      isAdopted,
      leave: () =>
        alone(folder, async () => {
          await rm(note, { force: true });
          if (!(await isUsed(folder))) await stop(data);
        }),
    };
  });
}
