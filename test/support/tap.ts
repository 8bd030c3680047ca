/** tap, with its golden files under test/golden; tests import it instead of 'tap'. */
import './no-hooks.ts';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t, { type Base } from 'tap';
import { packageRoot } from '../../server/root.ts';
import { restoreHooks } from './no-hooks.ts';

restoreHooks();

/** The innermost test that runs: an error that nobody caught fails it, and the run goes on with the next. */
process.on('uncaughtException', (thrown: unknown, origin) => {
  let running: Base = t;
  for (;;) {
    const [inner]: Iterable<Base> = 'activeSubtests' in running ? (running as typeof t).activeSubtests : [];
    if (inner === undefined) break;
    running = inner;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  running.threw(Object.assign(error, { tapCaught: origin }));
});

const TICK_MS = 10;
/** Where Linux tells it, the runner is told what this file has cost: on a busy machine its time says little. */
process.on('exit', () => {
  if (process.env.TAP !== '1' || !existsSync('/proc/self/stat')) return;
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The program's name stands in parentheses; from the eleventh word after it: user and system time, of itself and of children that ended.
  const ticks = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  process.stdout.write(`# cpu=${ticks.reduce((sum, each) => sum + each, 0) * TICK_MS}ms\n`);
});

// The golden files are named after the source, also when what was emitted from it runs; tap takes the name from here.
const script = relative(packageRoot, process.argv[1] ?? 'unknown').replace(/^dist\/js\/(.*)\.js$/, '$1.ts');
process.argv[1] = join(packageRoot, script);
// `.cjs`, because tap writes them as CommonJS. `npm run snap` writes them anew.
t.snapshotFile = join(
  packageRoot,
  'test/golden',
  `${relative('test', script).replace(/\.test\.tsx?$/, '')}.snapshot.cjs`,
);

export default t;
