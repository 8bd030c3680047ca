/** A page's side of sealing: starts the workers for one bid, hears how far they are, and can end them at any time. */
import { SealError } from '../../server/client/seal-error.ts';
import { trusted } from '../keys/worker-address.ts';
import hashWorkerAddress from './hash-worker.ts?worker&url';
import { SealStopped } from './seal-fault.ts';
import type { SealedBid, SealStep, SealTask } from './seal-here.ts';
import type { SealAnswer, SealRequest } from './seal-messages.ts';
import sealWorkerAddress from './seal-worker.ts?worker&url';

export type Sealing = {
  /** `isKept`: the envelope is a file of the page's own, there again after a reload. Rejects: SealError; SealStopped. */
  readonly sealed: Promise<{ readonly sealed: SealedBid; readonly isKept: boolean }>;
  /** Ends the workers; what they wrote is cleared away when it has lain there for a day (bid/shelf.ts). */
  cancel(): void;
};

/** Begins to seal. Shape: `fileName` of no other envelope. */
export function startSealing(
  task: SealTask,
  fileName: string,
  progress: (step: SealStep, doneBytes: number, allBytes: number) => void,
): Sealing {
  const start = (address: string): Worker => new Worker(trusted(address), { type: 'module' });
  const worker = start(sealWorkerAddress);
  const workers = [worker];
  let stop: (fault: Error) => void = () => undefined;
  const ports: MessagePort[] = [];
  // one hash for the envelope, one for the content of each layer
  for (let n = 0; n < (task.openingCertificate === undefined ? 2 : 3); n++) {
    const { port1, port2 } = new MessageChannel();
    const hasher = start(hashWorkerAddress);
    hasher.postMessage({ port: port1 }, [port1]);
    hasher.addEventListener('error', (event) => stop(new Error(event.message || 'a hashing worker did not start')));
    workers.push(hasher);
    ports.push(port2);
  }
  const sealed = new Promise<{ sealed: SealedBid; isKept: boolean }>((resolve, reject) => {
    stop = reject;
    worker.addEventListener('error', (event) => reject(new Error(event.message || 'the sealing worker did not start')));
    worker.addEventListener('message', ({ data }: MessageEvent<SealAnswer>) => {
      if (data.kind === 'progress') progress(data.step, data.doneBytes, data.allBytes);
      else if (data.kind === 'sealed') resolve(data);
      else if (data.kind === 'refused') reject(new SealError(data.code, data.detail));
      else if (data.kind === 'failed') reject(new SealStopped(data.code));
      else reject(new Error(data.detail));
    });
  }).finally(() => {
    for (const each of workers) each.terminate();
  });
  const request: SealRequest = { task, fileName, ports };
  worker.postMessage(request, ports);
  return { sealed, cancel: () => stop(new SealStopped('seal_cancelled')) };
}
