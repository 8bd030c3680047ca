/** That worker threads start from TypeScript sources, whose imports are TypeScript, too. */
import { once } from 'node:events';
import { startWorker } from '../server/worker.ts';
import t from './support/tap.ts';

t.test('a worker starts from source, with its imports', async (t) => {
  const worker = startWorker(new URL('./support/worker.ts', import.meta.url), { workerData: 21 });
  const [answer] = await once(worker, 'message');
  t.strictSame(answer, { doubled: 42, digestLength: 32 });
  await once(worker, 'exit');
});

t.test('a module that is not there is an error event', async (t) => {
  const worker = startWorker(new URL('./support/no-such-worker.ts', import.meta.url));
  const [error] = await once(worker, 'error');
  t.match(error, { code: 'ERR_MODULE_NOT_FOUND' });
});
