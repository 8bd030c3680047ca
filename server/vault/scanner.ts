/** Reads stored envelopes through beside the event loop, one after the other however many ask, so that all scans together keep one pace. */
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../worker.ts';
import { failed, type OpenFailure, type Promised } from './judgement.ts';
import { VaultClosed } from './pool.ts';

/** An envelope is read once more when the thread dies under it, then it counts as one that cannot be read. */
const ATTEMPTS_LIMIT = 2;

export type ScanJob = { readonly path: string; readonly promised: Promised; readonly bytesPerSecond: number };
export type ScanResult = { readonly ok: true } | OpenFailure;

export type ScannerOptions = {
  readonly bytesPerSecond: number;
  /** Told of each crash of the thread. */
  readonly onCrash: (error: Error) => void;
  /** Another script, for tests. */
  readonly script?: URL;
};

export type Scanner = {
  /** Whether a stored envelope is what was received. Rejects with VaultClosed: nothing was found out. */
  check(path: string, promised: Promised): Promise<ScanResult>;
  /** Ends the thread. */
  close(): Promise<void>;
};

type Waiting = {
  readonly job: ScanJob;
  attempts: number;
  readonly resolve: (result: ScanResult) => void;
  readonly reject: (why: VaultClosed) => void;
};

const SCRIPT = new URL('./scan-worker.ts', import.meta.url);

/** A scanner; its thread lives only while there is something to read. */
export function startScanner({ bytesPerSecond, onCrash, script = SCRIPT }: ScannerOptions): Scanner {
  const queue: Waiting[] = [];
  let current: Waiting | undefined;
  let worker: Worker | undefined;
  let isClosed = false;

  function startThread(): Worker {
    const started = startWorker(script);
    started.on('message', (result: ScanResult) => {
      current?.resolve(result);
      current = undefined;
      next();
    });
    started.on('error', onCrash);
    started.on('exit', () => {
      // one that was let go ends later than the next one starts
      if (worker !== started) return;
      worker = undefined;
      if (current !== undefined) again(current);
      current = undefined;
      next();
    });
    return started;
  }

  function again(waiting: Waiting): void {
    if (isClosed) waiting.reject(new VaultClosed('the vault is closed'));
    else if (waiting.attempts >= ATTEMPTS_LIMIT) waiting.resolve(failed('storage_unreadable', 'worker_failed'));
    else queue.unshift(waiting);
  }

  function next(): void {
    if (isClosed || current !== undefined) return;
    current = queue.shift();
    if (current === undefined) {
      const idle = worker;
      worker = undefined;
      void idle?.terminate();
      return;
    }
    current.attempts += 1;
    worker ??= startThread();
    worker.postMessage(current.job);
  }

  return {
    check(path, promised) {
      if (isClosed) return Promise.reject(new VaultClosed('the vault is closed'));
      return new Promise((resolve, reject) => {
        queue.push({ job: { path, promised, bytesPerSecond }, attempts: 0, resolve, reject });
        next();
      });
    },
    async close() {
      isClosed = true;
      for (const waiting of queue.splice(0)) again(waiting);
      const running = worker;
      if (running === undefined) return;
      await running.terminate();
      if (current !== undefined) again(current);
      current = undefined;
    },
  };
}
