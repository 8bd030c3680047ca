/** tap, with its golden files under test/golden; tests import it instead of 'tap'. */
import { join, relative } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../server/root.ts';

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
