/** That worker threads start from TypeScript sources, whose imports are TypeScript, too, and from what was emitted. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { packageRoot } from '../server/root.ts';
import { startWorker } from '../server/worker.ts';
import t from './support/tap.ts';

t.test('a worker starts, with its imports', async (t) => {
  const worker = startWorker(new URL('./support/worker.ts', import.meta.url), { workerData: 21 });
  const [answer] = await once(worker, 'message');
  t.strictSame(answer, { doubled: 42, digestLength: 32 });
  await once(worker, 'exit');
});

t.test('a worker starts from source', async (t) => {
  const script = `
    const { startWorker } = await import('./server/worker.ts');
    startWorker(new URL('./test/support/worker.ts', 'file://${packageRoot}/'), { workerData: 21 })
      .on('message', (answer) => console.log(JSON.stringify(answer)));`;
  const run = spawnSync(process.execPath, ['--import=tsx', '--input-type=module', '-e', script], {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  t.strictSame(JSON.parse(run.stdout), { doubled: 42, digestLength: 32 });
});

t.test('a module that is not there is an error event', async (t) => {
  const worker = startWorker(new URL('./support/no-such-worker.ts', import.meta.url));
  const [error] = await once(worker, 'error');
  t.match(error, { code: /MODULE_NOT_FOUND$/ });
});
