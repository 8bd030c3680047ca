/** Chooses which of several processes on one database leads: the one whose session holds a lock, for as long as that session lives. */
import { systemWorld } from '../world.ts';
import type { Database } from './connect.ts';
import type { TransactionSql } from './driver.ts';
import { beginTerm, type Leadership, readLeadership } from './leadership.ts';

/** Any number will do, as long as every version of the server takes the same. */
const LEADER_LOCK = 7_301_002;
/** How often a process that does not lead asks for the lock: so long nobody leads when a leader has died. */
const ASK_MS = 200;
/** After a fault, such as a database that is away. */
const PAUSE_MS = 100;
/** A leader that could not begin lets the others try first. */
const FAILED_PAUSE_MS = 3_000;
/** A leader's session says so many times within its lease that it lives. */
const SIGNS_OF_LIFE = 5;

/** What a process does while it leads. */
export type Reign = { readonly term: number; close(): Promise<void> };

export type Candidate = {
  readonly database: Pick<Database, 'sql' | 'alone' | 'name'>;
  /** After so long without a sign of life PostgreSQL ends the leader's session, and another may lead; ms. */
  readonly leaseMs: number;
  /** A term that the next one must be later than. */
  lastTerm(): Promise<number>;
  /** Begins to lead. What it throws is told to `onFault`, or to whoever waits for `first`. */
  lead(term: number): Promise<Reign>;
  /** Told of a reign that could not begin or end, and of a session that was lost while leading. */
  onFault(error: unknown): void;
};

export type Election = {
  /** Resolves once this process leads or sees that another does. Rejects when it could have led and failed: it has ended then. */
  readonly first: Promise<void>;
  /** Who leads, as this process last saw it while it did not lead itself. */
  seen(): Leadership | null;
  /** The reign has ended by itself: a later term has begun. */
  over(term: number): void;
  /** Ends the reign, if there is one, and lets the lock go. */
  stop(): Promise<void>;
};

/**
 * Stands for election until it is stopped.
 *
 * The lock only chooses; what makes a second leader impossible is the term (store/leadership.ts). So a leader whose session was
 * lost, as all are when PostgreSQL is restarted, goes on in the same term if he has the lock again before anyone else took it.
 *
 * Why:   a lock of a transaction that stays open. PostgreSQL gives it back however its holder ends, at once when the process dies;
 *        one that hangs has its session ended by `idle_in_transaction_session_timeout`, which is set to the lease. The
 *        transaction reads and writes nothing, so it holds back no vacuum.
 */
export function standForElection(candidate: Candidate): Election {
  const { database, leaseMs } = candidate;
  let reign: Reign | null = null;
  let seen: Leadership | null = null;
  let stopped = false;
  let released = false;
  let isSettled = false;
  let wake: () => void = () => undefined;
  let taking: Promise<void> = Promise.resolve();
  let closing: Promise<void> = Promise.resolve();
  let settle: { resolve: () => void; reject: (error: unknown) => void } = {
    resolve: () => undefined,
    reject: () => undefined,
  };
  const first = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });

  function pause(ms: number): Promise<void> {
    return new Promise((resume) => {
      const cancel = systemWorld.after(ms, resume);
      wake = () => {
        cancel();
        resume();
      };
    });
  }

  function settled(): void {
    isSettled = true;
    settle.resolve();
  }

  /** Ends the reign. The process follows from the first line on; what was under way may still take a moment. */
  function standDown(): Promise<void> {
    const ending = reign;
    reign = null;
    if (ending !== null) closing = ending.close().catch(candidate.onFault);
    return closing;
  }

  async function isOver({ term }: Reign): Promise<boolean> {
    return (await readLeadership(database.sql))?.term !== term;
  }

  async function take(): Promise<void> {
    if (reign !== null) {
      if (!(await isOver(reign))) return;
      void standDown();
    }
    await closing;
    if (stopped) return;
    const term = await beginTerm(database.sql, database.name, await candidate.lastTerm());
    reign = await candidate.lead(term);
  }

  /** Holds the lock until this process has let go of it, or the session is lost. */
  async function hold(tx: TransactionSql): Promise<void> {
    let state: 'taking' | 'leading' | { readonly failed: unknown } = 'taking';
    taking = taking.then(take).then(
      () => {
        state = 'leading';
        wake();
      },
      (failed: unknown) => {
        state = { failed };
        wake();
      },
    );
    const look = (): typeof state => state;
    for (;;) {
      await tx`SELECT 1`;
      const now = look();
      if (typeof now === 'object') throw new FailedToLead(now.failed);
      if (released || (now === 'leading' && reign === null && !stopped)) return;
      if (now === 'leading') settled();
      await pause(leaseMs / SIGNS_OF_LIFE);
    }
  }

  async function stand(tx: TransactionSql): Promise<void> {
    await tx`SELECT set_config('idle_in_transaction_session_timeout', ${String(leaseMs)}, true)`;
    while (!released) {
      const [row] = await tx<{ held: boolean }[]>`SELECT pg_try_advisory_xact_lock(${LEADER_LOCK}) AS held`;
      if (row?.held === true) return hold(tx);
      seen = await readLeadership(tx);
      if (reign !== null && seen?.term !== reign.term) void standDown();
      settled();
      await pause(ASK_MS);
    }
  }

  async function run(): Promise<void> {
    while (!released) {
      try {
        await database.alone(stand);
      } catch (error) {
        const fault = error instanceof FailedToLead ? error.cause : error;
        if (!isSettled) {
          settle.reject(fault);
          return;
        }
        if (error instanceof FailedToLead || reign !== null) candidate.onFault(fault);
        if (!released) await pause(error instanceof FailedToLead ? FAILED_PAUSE_MS : PAUSE_MS);
      }
    }
  }
  const running = run();

  return {
    first,
    seen: () => seen,
    over(term) {
      if (reign?.term !== term) return;
      void standDown();
      wake();
    },
    async stop() {
      stopped = true;
      await taking;
      await standDown();
      released = true;
      wake();
      await running;
    },
  };
}

/** The lock was held, and what a leader needs could not be had. */
class FailedToLead extends Error {
  constructor(cause: unknown) {
    super('it could not lead', { cause });
  }
}
