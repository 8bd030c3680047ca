/** Programs of Debian packages for tests, where the system has them not: unpacked beside it, once, without any right. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DOWNLOAD_LIMIT_MS = 60_000;

export type Unpacked = {
  readonly root: string;
  /** Where shared libraries lie below it, for LD_LIBRARY_PATH. */
  readonly libraryPath: string;
};

/**
 * The packages' files below one folder, kept in the system's folder for temporary files under `name`.
 *
 * Returns: a sentence why there are none, for a test that must say so loudly.
 */
export async function unpackDebian(name: string, packages: readonly string[]): Promise<Unpacked | string> {
  const cache = join(tmpdir(), `kaibiao-${name}-${process.getuid?.() ?? 0}`);
  if (!existsSync(cache)) {
    const part = await mkdtemp(join(tmpdir(), `kaibiao-${name}-part-`));
    try {
      const quiet = { cwd: part, timeout: DOWNLOAD_LIMIT_MS, stdio: 'ignore' } as const;
      execFileSync('apt-get', ['download', ...packages], quiet);
      for (const file of await readdir(part))
        if (file.endsWith('.deb')) execFileSync('dpkg-deb', ['-x', file, 'root'], quiet);
      await rename(part, cache).catch((error: NodeJS.ErrnoException) => {
        // another run was first
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } catch (error) {
      return `the Debian packages ${packages.join(', ')} could not be had: ${(error as Error).message}`;
    }
  }
  const root = join(cache, 'root');
  const isLibraries = (entry: string): boolean => entry.includes('-linux-gnu');
  const folders = await Promise.all(
    ['usr/lib', 'lib'].map(async (folder) =>
      (await readdir(join(root, folder)).catch(() => [])).filter(isLibraries).map((entry) => join(root, folder, entry)),
    ),
  );
  const libraries = folders.flat();
  if (libraries.length === 0) return `${cache} holds no libraries`;
  return { root, libraryPath: libraries.flatMap((folder) => [folder, join(folder, 'pulseaudio')]).join(':') };
}
