/** tap, with its golden files under test/golden; tests import it instead of 'tap'. */
import { relative, resolve } from 'node:path';
import t from 'tap';

const testFolder = resolve(import.meta.dirname, '..');
const testFile = process.argv[1] ?? 'unknown';
// `.cjs`, because tap writes them as CommonJS. `npm run snap` writes them anew.
t.snapshotFile = resolve(
  testFolder,
  'golden',
  `${relative(testFolder, testFile).replace(/\.test\.tsx?$/, '')}.snapshot.cjs`,
);

export default t;
