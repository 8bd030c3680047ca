/** A test file in which errors are lost, for the test that none of them passes unnoticed. */
import t from './tap.ts';

t.test('outer', async (t) => {
  await t.test('inner', async (t) => {
    await new Promise<void>(() => {
      setTimeout(() => {
        throw new TypeError('lost by an alarm');
      });
    });
    t.pass('never come to');
  });
});

t.test('next', async () => {
  void Promise.reject(new Error('lost by a promise'));
  await new Promise((resume) => setImmediate(resume));
});

t.test('last', async (t) => {
  t.pass('come to');
});
