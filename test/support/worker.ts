/** A worker thread for a test: doubles the number it is given. */
import { parentPort, workerData } from 'node:worker_threads';
import { sha256 } from '../../server/hash.ts';

const input = workerData as number;
parentPort?.postMessage({ doubled: input * 2, digestLength: sha256(Uint8Array.of(input)).length });
