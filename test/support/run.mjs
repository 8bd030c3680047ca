/** Runs test files as processes of their own, a few at once, and fails when nothing ran; takes files and globs, --grep=…, --jobs=…, nothing for all. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { emit } from './emit.mjs';
import './ready.mjs';
import Reporter from './reporter.mjs';

// Not tap's own runner: it hangs three module loaders into every process, the processes that tests start included.
const root = fileURLToPath(new URL('../..', import.meta.url));
process.chdir(root);

/** A test's own limit is tap's, which says what it was doing; this one is for a file that hears nothing any more. */
const TEST_LIMIT_SECONDS = 240;
const FILE_LIMIT_MS = 300_000;
const DEAREST = 12;
/** Where the pages' tests lay their pictures (test/browser/pictures.ts). */
const PICTURES = process.env.SCREENSHOT_FOLDER ?? '.tap/screenshots';
const startedAt = Date.now();
/** Several times what a run was seen to need at once. */
const MEMORY_BYTES = 4 * 2 ** 30;
/** The long ones first, so that none of them runs alone at the end. */
const FIRST = ['soak', 'browser', 'crash', 'cli', 'vault', 'http'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    grep: { type: 'string', multiple: true, default: [] },
    // One more than there are processors: there is always a file that waits, for the database or for a window's end.
    jobs: { type: 'string', default: String(availableParallelism() + 1) },
  },
});
await emit();
const files = findFiles();
const memory = findMemory();
if (memory !== null) process.env.TMPDIR = memory;
const env = {
  ...process.env,
  TAP: '1',
  TAP_TIMEOUT: String(TEST_LIMIT_SECONDS),
  ...(values.grep.length > 0 && { TAP_GREP: values.grep.join('\n') }),
  ...(process.env.npm_lifecycle_event === 'snap' && { TAP_SNAPSHOT: '1' }),
};
const running = new Set();
const costs = [];
const leave = files.length > 1 ? await holdDatabase() : async () => undefined;
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
    leave().finally(() => process.exit(1));
  });

let said = '';
const reporter = new Reporter();
reporter.setEncoding('utf8').on('data', (text) => {
  said = (said + text).slice(-2000);
  process.stdout.write(text);
});
const tap = new PassThrough();
tap.pipe(reporter);
tap.write('TAP version 14\n');
const queue = files.entries();
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (const [n, file] of queue) tap.write(await run(file, n + 1));
  }),
);
await leave();
sayDearest();
sayPictures();
tap.end(`1..${files.length}\n# time=${Math.round(performance.now())}ms\n`);
reporter.on('end', () => {
  const [, passed, failed] = /^tests: (\d+) passed, (\d+) failed/m.exec(said) ?? [];
  if (Number(passed ?? 0) === 0) console.error('no test ran');
  if (Number(passed ?? 0) === 0 || Number(failed) > 0) process.exitCode = 1;
});

/**
 * A temporary folder in memory, where the machine has one with room: else null.
 *
 * Why: a database of its own, which nearly every test makes, is 350 small files; a disk takes 0.4 s of processor time for them.
 */
function findMemory() {
  const mount =
    existsSync('/proc/mounts') && /^\S+ (\/dev\/shm) tmpfs (\S+)/m.exec(readFileSync('/proc/mounts', 'utf8'));
  if (!mount || mount[2].split(',').includes('noexec')) return null;
  const { bavail, bsize } = statfsSync(mount[1]);
  return bavail * bsize >= MEMORY_BYTES ? mount[1] : null;
}

/** Those that cost most, by their processes' time; what the shared PostgreSQL did for them is not in it. */
function sayDearest() {
  if (costs.length < 2) return;
  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  const sum = costs.reduce((total, { cpu }) => total + cpu, 0);
  console.log(`\nprocessor time of the files: ${seconds(sum)}, most of it by`);
  const dearest = costs.toSorted((a, b) => b.cpu - a.cpu).slice(0, DEAREST);
  for (const { file, cpu, time } of dearest) console.log(`  ${file} ${seconds(cpu)} in ${seconds(time)}`);
}

/** The pictures of the pages that this run took, for people to look at. */
function sayPictures() {
  const all = existsSync(PICTURES) ? readdirSync(PICTURES).filter((name) => name.endsWith('.png')) : [];
  const taken = all.filter((name) => statSync(join(PICTURES, name)).mtimeMs >= startedAt).sort();
  if (taken.length === 0) return;
  console.log(`\n${taken.length} pictures of the pages in ${resolve(PICTURES)}:\n  ${taken.join('\n  ')}`);
}

/** Test files by their path in the sources; what is asked for is a file, a folder, or a pattern with stars. */
function findFiles() {
  const all = readdirSync('test', { recursive: true })
    .map((path) => `test/${path}`)
    .filter((path) => /\.test\.tsx?$/.test(path))
    .sort();
  const asked = positionals.length === 0 ? ['test'] : positionals.map((path) => relative(root, resolve(path)));
  const found = new Set();
  for (const pattern of asked) {
    const starred = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('**/', '(.*/)?')
      .replaceAll(/(?<!\.)\*/g, '[^/]*');
    const paths = all.filter((path) => path.startsWith(`${pattern}/`) || new RegExp(`^${starred}$`).test(path));
    if (paths.length === 0) throw new Error(`no such test file: ${pattern}`);
    for (const path of paths) found.add(path);
  }
  const rank = (file) => (FIRST.indexOf(file.split('/')[1]) + FIRST.length + 1) % (FIRST.length + 1);
  return [...found].sort((a, b) => rank(a) - rank(b));
}

/** The one PostgreSQL of the tests stays while they run; else whoever is alone starts and stops it. */
async function holdDatabase() {
  const { startTestCluster } = await import(pathToFileURL('dist/js/test/support/cluster.js'));
  const cluster = await startTestCluster();
  return () => cluster.leave();
}

/** Returns: what the file said, as a subtest. */
function run(file, number) {
  const startedAt = performance.now();
  const script = `dist/js/${file.replace(/\.tsx?$/, '.js')}`;
  const child = spawn(process.execPath, ['--enable-source-maps', script], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const limit = setTimeout(() => child.kill('SIGKILL'), FILE_LIMIT_MS);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  return new Promise((done) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      clearTimeout(limit);
      const lines = output.split('\n').map((line) => (line === '' ? '' : `    ${line}`));
      const why = code === 0 ? '' : `  ---\n  ended with: ${code ?? signal}\n  ...\n`;
      const time = Math.round(performance.now() - startedAt);
      const cpu = /^# cpu=(\d+)ms$/m.exec(output)?.[1];
      if (cpu !== undefined) costs.push({ file, cpu: Number(cpu), time });
      done(
        `# Subtest: ${file}\n${lines.join('\n')}\n${code === 0 ? 'ok' : 'not ok'} ${number} - ${file} # time=${time}ms\n${why}`,
      );
    });
  });
}
