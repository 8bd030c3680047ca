/** What the tests and the command line stand on: golden files' place, the reporter's count, the launcher's choice. */

import { spawnSync } from 'node:child_process';
import { cp, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packageRoot } from '../server/root.ts';
import { newFolder } from './support/folder.ts';
import { scriptOf } from './support/script.ts';
import t from './support/tap.ts';

const root = packageRoot;
// Plain JavaScript, since it runs before anything is emitted.
const { default: Reporter } = await import(join(root, 'test/support/reporter.mjs'));

/** What the reporter says of a TAP stream. */
async function report(tap: string): Promise<string> {
  const reporter = new Reporter();
  const said = text(reporter);
  reporter.end(`TAP version 14\n${tap}`);
  return said;
}

const file = (name: string, inner: string, ok = true): string =>
  `# Subtest: ${name}\n${inner.replace(/^(?=.)/gm, '    ')}${ok ? 'ok' : 'not ok'} 1 - ${name} # time=5ms\n`;

t.test('golden files lie under test/golden, named after the test file', async (t) => {
  t.match(t.snapshotFile, /test\/golden\/house\.snapshot\.cjs$/);
});

t.test('the closing line counts assertions, not the lines that sum them up', async (t) => {
  const inner = '# Subtest: one\n    ok 1 - a\n    ok 2 - b\n    1..2\nok 1 - one # time=1ms\nok 2 - c\n1..2\n';
  t.match(
    await report(`${file('x.test.ts', inner)}1..1\n`),
    /\n1 files in \d+ ms\ntests: 3 passed, 0 failed, 0 skipped\n$/,
  );
});

t.test('a failure is counted once and told in full with its path', async (t) => {
  const inner =
    '# Subtest: one\n    not ok 1 - a\n      ---\n      diff: "-1 +2"\n      ...\n    1..1\nnot ok 1 - one\n1..1\n';
  const said = await report(`${file('x.test.ts', inner, false)}1..1\n`);
  t.match(said, /^FAILED x\.test\.ts 5 ms$/m);
  t.match(said, /^--- x\.test\.ts > one > a\n[\s\S]*-1 \+2/m);
  t.match(said, /tests: 0 passed, 1 failed, 0 skipped\n$/);
});

t.test('a file that crashed without a failed assertion still counts as failed', async (t) => {
  t.match(
    await report(`${file('x.test.ts', 'ok 1 - a\n1..1\n', false)}1..1\n`),
    /tests: 1 passed, 1 failed, 0 skipped\n$/,
  );
});

t.test('skipped and todo are neither passed nor failed', async (t) => {
  const inner = 'ok 1 - a # SKIP no\nok 2 - b # TODO later\nok 3 - c\n1..3\n';
  t.match(await report(`${file('x.test.ts', inner)}1..1\n`), /tests: 1 passed, 0 failed, 2 skipped\n$/);
});

/** A small project of its own that shares our installed packages. */
async function newProject(t: Parameters<typeof newFolder>[0]): Promise<string> {
  const project = await newFolder(t, 'project');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  await symlink(join(root, 'node_modules'), join(project, 'node_modules'));
  return project;
}

t.test('a run in which no test ran fails and says so, although tap itself passes it', async (t) => {
  const project = await newProject(t);
  for (const name of ['run.mjs', 'emit.mjs', 'ready.mjs', 'reporter.mjs'])
    await cp(join(root, 'test/support', name), join(project, 'test/support', name));
  await writeFile(join(project, 'test/empty.test.ts'), "import 'tap';\n");
  for (const folder of ['server', 'web', 'dist/js/test']) await mkdir(join(project, folder), { recursive: true });
  await writeFile(join(project, 'dist/js/test/empty.test.js'), "import 'tap';\n");
  await writeFile(join(project, 'dist/js/.emitted'), '');
  const run = spawnSync(process.execPath, ['test/support/run.mjs'], {
    cwd: project,
    encoding: 'utf8',
    // The inner run must not take itself for a part of the outer one.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^_?(TAP|NODE_OPTIONS)/.test(name))),
  });
  t.match(run.stdout, /^tests: 0 passed, /m);
  t.equal(run.status, 1);
});

t.test('an error that nobody caught fails the test that runs then, and the next ones run', async (t) => {
  const { execArgv, path } = scriptOf('test/support/lost-errors.ts');
  const { stdout, status } = spawnSync(process.execPath, [...execArgv, path], {
    encoding: 'utf8',
    env: { ...process.env, TAP: '1' },
  });
  const said = await report(file('lost.test.ts', stdout, false));
  t.match(said, /^--- lost\.test\.ts > outer > inner > lost by an alarm$/m);
  t.match(said, /^--- lost\.test\.ts > next > lost by a promise$/m);
  t.match(said, /tests: 1 passed, \d+ failed, 0 skipped\n$/);
  t.equal(status, 1);
});

t.test('the launcher runs what was built when no source is newer, the sources otherwise', async (t) => {
  const project = await newProject(t);
  await mkdir(join(project, 'dist/js/server/cli'), { recursive: true });
  await cp(join(root, 'server/cli/bin.mjs'), join(project, 'server/cli/bin.mjs'));
  const source = join(project, 'server/cli/main.ts');
  const built = join(project, 'dist/js/server/cli/main.js');
  const run = (...args: string[]): { stdout: string; status: number | null } => {
    const bin = join(project, 'server/cli/bin.mjs');
    const { stdout, status } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8', cwd: '/' });
    return { stdout, status };
  };

  await writeFile(
    source,
    `export const main = async (args: string[]) => { console.log('source', ...args); return 0; };`,
  );
  t.strictSame(run('serve', '--now'), { stdout: 'source serve --now\n', status: 0 }, 'not built');
  await writeFile(built, `export const main = async () => { console.log('built'); return 3; };`);
  await utimes(source, 1000, 1000);
  t.strictSame(run(), { stdout: 'built\n', status: 3 }, 'built later; its answer is the exit code');
  await utimes(built, 500, 500);
  t.strictSame(run(), { stdout: 'source\n', status: 0 }, 'built before the last change');
});
