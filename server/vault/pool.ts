/** The threads of the vault and the queue before them; it knows what a job is but not what it does. */
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../worker.ts';
import {
  eraseKeys,
  type MaterialiseJob,
  type OpenJob,
  type OpenOuterJob,
  type ResultOf,
  type VaultJob,
  withOwnKeys,
} from './jobs.ts';
import { failed } from './judgement.ts';

/** A job is tried once more when its thread dies under it, then the platform answers for it. */
const ATTEMPTS_LIMIT = 2;

export type PoolOptions = {
  /** Threads; one per core is right, the event loop needs little. */
  workers: number;
  /** Jobs that may wait; more are refused, and their intake stays undecided until asked again. */
  queueLimit: number;
  /** Told of each crash. The error holds no key and no plaintext. */
  onCrash: (error: Error) => void;
  /** Another script, for tests. */
  script?: URL;
};

export type Ticket<Result> = {
  /** Jobs that start before this one; 0 when it is running or done. */
  position(): number;
  done: Promise<Result>;
};

export type VaultPool = {
  /** Copies the keys and erases the copies afterwards; the caller erases its own. */
  open(job: Omit<OpenJob, 'kind'>): Ticket<ResultOf<OpenJob>> | { refused: 'vault_is_busy' };
  openOuter(job: Omit<OpenOuterJob, 'kind'>): Ticket<ResultOf<OpenOuterJob>> | { refused: 'vault_is_busy' };
  materialise(job: Omit<MaterialiseJob, 'kind'>): Ticket<ResultOf<MaterialiseJob>> | { refused: 'vault_is_busy' };
  /** Starts all threads, so that the first job of a window does not wait for them. */
  warm(): void;
  /** Ends the threads. `done` of jobs that are not rejects with VaultClosed: nothing was found out, so nothing may be recorded. */
  close(): Promise<void>;
};

/** The pool was closed before the job was done; after a restart it is run again. */
export class VaultClosed extends Error {
  override readonly name = 'VaultClosed';
}

type Waiting = {
  job: VaultJob;
  attempts: number;
  settle: (result: ResultOf<VaultJob>) => void;
  abandon: (why: VaultClosed) => void;
};
type Thread = { worker: Worker; current: Waiting | undefined };

const SCRIPT = new URL('./worker.ts', import.meta.url);

/** Starts a pool; threads start when there is something to do. */
export function startVaultPool({ workers, queueLimit, onCrash, script = SCRIPT }: PoolOptions): VaultPool {
  const queue: Waiting[] = [];
  const threads = new Set<Thread>();
  let isClosed = false;

  function startThread(): Thread {
    const thread: Thread = { worker: startWorker(script), current: undefined };
    threads.add(thread);
    thread.worker.on('message', (result: ResultOf<VaultJob>) => {
      const finished = thread.current;
      thread.current = undefined;
      if (finished) settle(finished, result);
      dispatch();
    });
    thread.worker.on('error', onCrash);
    thread.worker.on('exit', () => {
      threads.delete(thread);
      if (thread.current) retry(thread.current);
      dispatch();
    });
    return thread;
  }

  function settle(waiting: Waiting, result: ResultOf<VaultJob>): void {
    eraseKeys(waiting.job);
    waiting.settle(result);
  }

  function abandon(waiting: Waiting): void {
    eraseKeys(waiting.job);
    waiting.abandon(new VaultClosed('the vault is closed'));
  }

  function retry(waiting: Waiting): void {
    if (isClosed) abandon(waiting);
    else if (waiting.attempts >= ATTEMPTS_LIMIT) settle(waiting, failed('worker_failed'));
    else queue.unshift(waiting);
  }

  function dispatch(): void {
    while (queue.length > 0 && !isClosed) {
      const idle = [...threads].find((thread) => thread.current === undefined);
      const thread = idle ?? (threads.size < workers ? startThread() : undefined);
      const next = thread && queue.shift();
      if (!next) return;
      next.attempts += 1;
      thread.current = next;
      thread.worker.postMessage(next.job);
    }
  }

  function submit<Result>(job: VaultJob): Ticket<Result> | { refused: 'vault_is_busy' } {
    if (isClosed || queue.length >= queueLimit) return { refused: 'vault_is_busy' };
    let waiting: Waiting | undefined;
    const done = new Promise<Result>((resolve, reject) => {
      waiting = {
        job: withOwnKeys(job),
        attempts: 0,
        settle: (result) => resolve(result as Result),
        abandon: reject,
      };
      queue.push(waiting);
    });
    dispatch();
    return { position: () => (waiting ? Math.max(0, queue.indexOf(waiting) + 1) : 0), done };
  }

  return {
    open: (job) => submit({ ...job, kind: 'open' }),
    openOuter: (job) => submit({ ...job, kind: 'open_outer' }),
    materialise: (job) => submit({ ...job, kind: 'materialise' }),
    warm() {
      while (!isClosed && threads.size < workers) startThread();
    },
    async close() {
      isClosed = true;
      for (const waiting of queue.splice(0)) abandon(waiting);
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}
