/** A vault worker that dies as its job's path tells it to; everything else about it is like the real one's. */
import { existsSync, writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { VaultJob } from '../../server/vault/jobs.ts';

parentPort?.on('message', ({ path }: VaultJob) => {
  if (path.endsWith('exit')) process.exit(3);
  if (path.endsWith('throw')) throw new Error('a bug');
  if (path.endsWith('reject')) void Promise.reject(new Error('a rejection'));
  else if (path.endsWith('once') && !existsSync(path)) {
    writeFileSync(path, '');
    process.exit(3);
  } else if (!path.endsWith('hang')) {
    parentPort?.postMessage({ ok: true, openingList: { path }, disclosure: '', contentBytes: 0, entries: 0 });
  }
});
