/** The test runner itself: that a test runs, and that golden files lie under test/golden. */
import t from './support/tap.ts';

t.test('golden files lie under test/golden, named after the test file', async (t) => {
  t.match(t.snapshotFile, /test\/golden\/house\.snapshot\.cjs$/);
});
