/** One thread of the vault: runs a job at a time and answers; what it does not expect ends it, and the pool starts another. */
import { parentPort } from 'node:worker_threads';
import { systemWorld } from '../world.ts';
import type { VaultJob } from './jobs.ts';
import { type MaterialiseResult, materialise } from './materialise.ts';
import { type OpenResult, openEnvelope } from './open-envelope.ts';
import { joinVaultFolder } from './vault-folder.ts';

async function run(job: VaultJob): Promise<OpenResult | MaterialiseResult> {
  try {
    switch (job.kind) {
      case 'open':
        return await openEnvelope(job.path, job.cek, job.promised);
      case 'materialise':
        return await materialise(
          job.path,
          job.cek,
          job.promised,
          joinVaultFolder(job.folder, systemWorld.randomBytes),
          job.limits,
        );
    }
  } finally {
    job.cek.fill(0);
  }
}

const port = parentPort;
if (port === null) throw new Error('the vault worker runs only as a thread of the pool');
// A rejection is left unhandled on purpose: it ends the thread, and the pool sees the crash as any other.
port.on('message', (job: VaultJob) => void run(job).then((result) => port.postMessage(result)));
