/** One thread of the vault: runs a job at a time and answers; what it does not expect ends it, and the pool starts another. */
import { parentPort } from 'node:worker_threads';
import { systemWorld } from '../world.ts';
import { eraseKeys, type ResultOf, type VaultJob } from './jobs.ts';
import { materialise } from './materialise.ts';
import { openEnvelope, openOuter } from './open-envelope.ts';
import { joinVaultFolder } from './vault-folder.ts';

async function run(job: VaultJob): Promise<ResultOf<VaultJob>> {
  try {
    switch (job.kind) {
      case 'open':
        return await openEnvelope(job.path, job.cek, job.promised, job.layer);
      case 'open_outer':
        return await openOuter(job.path, job.cek, job.promised, job.layer);
      case 'materialise':
        return await materialise(
          job.path,
          job.cek,
          job.promised,
          joinVaultFolder(job.folder, systemWorld.randomBytes),
          job.limits,
          job.layer,
        );
    }
  } finally {
    eraseKeys(job);
  }
}

const port = parentPort;
if (port === null) throw new Error('the vault worker runs only as a thread of the pool');
// A rejection is left unhandled on purpose: it ends the thread, and the pool sees the crash as any other.
port.on('message', (job: VaultJob) => void run(job).then((result) => port.postMessage(result)));
