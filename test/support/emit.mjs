/** Emits server, pages' modules and tests as JavaScript into dist/js, unless that is current: a loader would cost each process seconds. */
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'dist/js');
const stamp = join(out, '.emitted');

const BUNDLED = [
  { name: 'typebox', file: 'typebox', exports: { '.': './index.js', './schema': './schema/index.js' } },
  { name: 'typebox/schema', file: 'typebox/schema' },
  {
    name: '@fastify/type-provider-typebox',
    file: '@fastify/type-provider-typebox',
    exports: { '.': './index.js' },
  },
];

/** Milliseconds since 1970; -Infinity when it is not there. */
const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY;

function isCurrent() {
  const emittedAt = changedAt(stamp);
  // A folder's time tells of files that went.
  const sources = ['server', 'test', 'web'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory() || /\.(tsx?|json)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  return ['package-lock.json', 'tsconfig.json', ...sources.map((path) => path.slice(root.length))].every(
    (path) => changedAt(join(root, path)) <= emittedAt,
  );
}

/**
 * typebox in one file for what was emitted, which finds it before the installed one: 537 files cost each process 0.2 s.
 *
 * Why: not in what is shipped; `npm run build` and every install take it away again.
 */
async function bundlePackages(made) {
  const { build } = await import('vite');
  const folder = join(made, 'node_modules');
  const input = Object.fromEntries(BUNDLED.map(({ name, file }) => [`${file}/index`, name]));
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    ssr: { noExternal: true },
    build: { ssr: true, outDir: folder, minify: false, target: 'node20', rolldownOptions: { input } },
  });
  for (const { file, exports } of BUNDLED) {
    if (exports === undefined) continue;
    const description = { name: file, type: 'module', exports };
    writeFileSync(join(folder, file, 'package.json'), JSON.stringify(description));
  }
}

/** Types are left to `npm run check`. Emitted beside and put in place at once: another run may be reading. */
export async function emit() {
  if (isCurrent()) return;
  const begunAt = new Date();
  const made = join(root, `dist/js-${process.pid}`);
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'test/tsconfig.emit.json', '--noCheck', '--outDir', made],
    { cwd: root, stdio: 'inherit' },
  );
  await bundlePackages(made);
  writeFileSync(join(made, '.emitted'), '');
  // What is edited meanwhile is newer than what was emitted.
  for (const path of ['.emitted', 'server/cli/main.js']) utimesSync(join(made, path), begunAt, begunAt);
  const old = join(root, `dist/old-${process.pid}`);
  if (statSync(out, { throwIfNoEntry: false }) !== undefined) renameSync(out, old);
  renameSync(made, out);
  rmSync(old, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await emit();
