/** Emits server, pages' modules and tests as JavaScript into dist/js, unless that is current: a loader would cost each process seconds. */
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'dist/js');
const stamp = join(out, '.emitted');

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

/** Types are left to `npm run check`. Emitted beside and put in place at once: another run may be reading. */
export function emit() {
  if (isCurrent()) return;
  const begunAt = new Date();
  const made = join(root, `dist/js-${process.pid}`);
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'test/tsconfig.emit.json', '--noCheck', '--outDir', made],
    { cwd: root, stdio: 'inherit' },
  );
  writeFileSync(join(made, '.emitted'), '');
  // What is edited meanwhile is newer than what was emitted.
  for (const path of ['.emitted', 'server/cli/main.js']) utimesSync(join(made, path), begunAt, begunAt);
  const old = join(root, `dist/old-${process.pid}`);
  if (statSync(out, { throwIfNoEntry: false }) !== undefined) renameSync(out, old);
  renameSync(made, out);
  rmSync(old, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) emit();
