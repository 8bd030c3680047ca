/** Builds the pages into dist/web and lays .br and .gz beside each file; `--missing` does nothing when dist/web is current. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { writeOfflineScript } from './offline-script.mjs';
import { putInPlace } from './put-in-place.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'dist/web');
const stamp = join(out, '.built');

/** Whether nothing that the pages are made of is newer than the last whole build. */
function isCurrent() {
  if (!existsSync(stamp)) return false;
  const builtAtMs = statSync(stamp).mtimeMs;
  const sources = ['web', 'server/core', 'server/client', 'server/verify']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).map((entry) => ({
        isFile: entry.isFile(),
        path: join(entry.parentPath, entry.name),
      })),
    )
    .filter((entry) => entry.isFile)
    .map((entry) => entry.path);
  return [...sources, join(root, 'vite.config.ts'), join(root, 'package-lock.json')]
    .filter((path) => existsSync(path))
    .every((path) => statSync(path).mtimeMs <= builtAtMs);
}

/** Compresses once, as hard as it goes: the server sends these files as they lie. */
async function compress(folder) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(js|css|html|svg|json)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    if (content.length < 1024) continue;
    const quality = {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    };
    await writeFile(`${path}.br`, await promisify(brotliCompress)(content, { params: quality }));
    await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }));
  }
}

if (!(process.argv.includes('--missing') && isCurrent())) {
  // Imported only now: a production install has no vite and needs none when the pages are built.
  const { build } = await import('vite');
  await mkdir(join(root, 'dist'), { recursive: true });
  // Beside it: who reads the pages meanwhile, or builds them as well, finds whole ones, and what is interrupted leaves those of before.
  const made = await mkdtemp(join(root, 'dist/web-'));
  const startedAt = new Date();
  try {
    await build({ configFile: join(root, 'vite.config.ts'), build: { outDir: made } });
    await writeOfflineScript(made);
    await compress(made);
    // What changes while it is built is not in it.
    await writeFile(join(made, '.built'), '');
    await utimes(join(made, '.built'), startedAt, startedAt);
    await chmod(made, 0o755);
    await putInPlace(made, out);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
