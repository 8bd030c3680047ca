/** The threads of the vault and the queue before them; it knows what a job is but not what it does. */
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../worker.ts';
import { createFairQueue } from './fair-queue.ts';
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
  /** Units: ms, of a clock that only goes forward. */
  clock?: () => number;
};

/** Whose turn a job takes: jobs of one share are done in their order, and shares take turns. */
export type Turn = {
  /** The opening, so that a large one does not hold up the others. */
  share: string;
  /** What the job is called in `waiting`. */
  name: string;
  /** What there is to read. */
  bytes: number;
};

/** A job that waits: jobs that start before it, and how long that will take by what the threads have done so far. */
export type WaitingJob = Pick<Turn, 'share' | 'name'> & { ahead: number; waitMs: number };

export type Ticket<Result> = {
  /** Jobs that start before this one; 0 when it is running or done. */
  position(): number;
  done: Promise<Result>;
};

/** What a thread reads before anything was measured, bytes a millisecond: half of what a plain disk gives. */
const FIRST_BYTES_PER_MS = 100_000;
/** How much the newest job counts in the measured speed. */
const NEWEST_SHARE = 0.2;

export type VaultPool = {
  /** Copies the keys and erases the copies afterwards; the caller erases its own. */
  open(job: Omit<OpenJob, 'kind'>, turn?: Turn): Ticket<ResultOf<OpenJob>> | { refused: 'vault_is_busy' };
  openOuter(
    job: Omit<OpenOuterJob, 'kind'>,
    turn?: Turn,
  ): Ticket<ResultOf<OpenOuterJob>> | { refused: 'vault_is_busy' };
  materialise(
    job: Omit<MaterialiseJob, 'kind'>,
    turn?: Turn,
  ): Ticket<ResultOf<MaterialiseJob>> | { refused: 'vault_is_busy' };
  /** Every job that waits, in the order in which they will start. */
  waiting(): WaitingJob[];
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
  turn: Turn;
  startedAt: number;
  attempts: number;
  settle: (result: ResultOf<VaultJob>) => void;
  abandon: (why: VaultClosed) => void;
};
type Thread = { worker: Worker; current: Waiting | undefined };

const SCRIPT = new URL('./worker.ts', import.meta.url);
const NO_TURN: Turn = { share: '', name: '', bytes: 0 };

/** Starts a pool; threads start when there is something to do. */
export function startVaultPool(options: PoolOptions): VaultPool {
  const { workers, queueLimit, onCrash, script = SCRIPT, clock = () => performance.now() } = options;
  const queue = createFairQueue<Waiting>();
  let bytesPerMs = FIRST_BYTES_PER_MS;
  const threads = new Set<Thread>();
  let isClosed = false;

  function startThread(): Thread {
    const thread: Thread = { worker: startWorker(script), current: undefined };
    threads.add(thread);
    thread.worker.on('message', (result: ResultOf<VaultJob>) => {
      const finished = thread.current;
      thread.current = undefined;
      if (finished) {
        measure(finished);
        settle(finished, result);
      }
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

  function measure({ turn, startedAt }: Waiting): void {
    const elapsedMs = clock() - startedAt;
    if (turn.bytes > 0 && elapsedMs > 0) bytesPerMs += NEWEST_SHARE * (turn.bytes / elapsedMs - bytesPerMs);
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
    else queue.pushFirst(waiting);
  }

  function dispatch(): void {
    while (queue.length > 0 && !isClosed) {
      const idle = [...threads].find((thread) => thread.current === undefined);
      const thread = idle ?? (threads.size < workers ? startThread() : undefined);
      const next = thread && queue.shift();
      if (!next) return;
      next.attempts += 1;
      next.startedAt = clock();
      thread.current = next;
      thread.worker.postMessage(next.job);
    }
  }

  function submit<Result>(job: VaultJob, turn = NO_TURN): Ticket<Result> | { refused: 'vault_is_busy' } {
    if (isClosed || queue.length >= queueLimit) return { refused: 'vault_is_busy' };
    let waiting: Waiting | undefined;
    const done = new Promise<Result>((resolve, reject) => {
      waiting = {
        job: withOwnKeys(job),
        turn,
        startedAt: 0,
        attempts: 0,
        settle: (result) => resolve(result as Result),
        abandon: reject,
      };
      queue.push(turn.share, waiting);
    });
    dispatch();
    return { position: () => (waiting ? queue.inOrder().indexOf(waiting) + 1 : 0), done };
  }

  /** Running jobs count half: on average that much of them is left. */
  function waitingJobs(): WaitingJob[] {
    let aheadBytes = [...threads].reduce((sum, { current }) => sum + (current?.turn.bytes ?? 0) / 2, 0);
    return queue.inOrder().map(({ turn }, ahead) => {
      const waitMs = Math.ceil(aheadBytes / bytesPerMs / workers);
      aheadBytes += turn.bytes;
      return { share: turn.share, name: turn.name, ahead, waitMs };
    });
  }

  return {
    open: (job, turn) => submit({ ...job, kind: 'open' }, turn),
    openOuter: (job, turn) => submit({ ...job, kind: 'open_outer' }, turn),
    materialise: (job, turn) => submit({ ...job, kind: 'materialise' }, turn),
    waiting: waitingJobs,
    warm() {
      while (!isClosed && threads.size < workers) startThread();
    },
    async close() {
      isClosed = true;
      for (const waiting of queue.clear()) abandon(waiting);
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}
