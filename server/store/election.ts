/** Chooses which of several processes on one database leads: the one whose session holds a lock, for as long as that session lives. */
import { systemWorld, type World } from '../world.ts';
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
/** What the session is not answered within has no line any more: a cable that was cut tells nobody. */
const ANSWER_LIMIT_MS = 10_000;

/** Who stops waits so long for a reign that is just beginning. */
export const BEGIN_LIMIT_MS = 10_000;
/** Whoever has the lock waits so long for the end of the reign before; then another process may have it. */
export const CLOSE_LIMIT_MS = 10_000;
/** Who stops waits so long for a reign to end: longer than one answer of the database may take (store/driver.ts). */
export const STOP_LIMIT_MS = 60_000;

/** What a process does while it leads. */
export type Reign = { readonly term: number; close(): Promise<void> };

export type Candidate = {
  readonly database: Pick<Database, 'sql' | 'alone' | 'name'>;
  /** After so long without a sign of life PostgreSQL ends the leader's session, and another may lead; ms. */
  readonly leaseMs: number;
  /** Whose alarms it sets. */
  readonly world?: Pick<World, 'after'>;
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
  /** Who leads, as this process has seen it since it last led itself; null before it has looked. */
  seen(): Leadership | null;
  /** The reign has ended by itself: a later term has begun. */
  over(term: number): void;
  /** Ends the reign, if there is one, and lets the lock go; it is waited for no longer than STOP_LIMIT_MS, one that is just beginning than BEGIN_LIMIT_MS. */
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
 *        transaction reads no table and writes none, for what it has read stays locked against every migration until it ends.
 */
export function standForElection(candidate: Candidate): Election {
  const { database, leaseMs, world = systemWorld } = candidate;
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
      const cancel = world.after(ms, resume);
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
    if (!(await isInTime(closing, CLOSE_LIMIT_MS)))
      throw new Error(`the reign before had not ended after ${CLOSE_LIMIT_MS} ms: another process may lead`);
    if (stopped) return;
    const term = await beginTerm(database.sql, database.name, await candidate.lastTerm());
    // Whoever led before says nothing about what comes after this reign.
    seen = null;
    reign = await candidate.lead(term);
  }

  /** Holds the lock until this process has let go of it, or the session is lost. */
  async function hold({ ask }: Session): Promise<void> {
    let state: 'taking' | 'leading' | { readonly failed: unknown } = 'taking';
    let isHeld = true;
    taking = taking.then(take).then(
      () => {
        state = 'leading';
        wake();
      },
      (failed: unknown) => {
        state = { failed };
        // Nobody looks any more when the session was lost meanwhile.
        if (isHeld) wake();
        else candidate.onFault(failed);
      },
    );
    const look = (): typeof state => state;
    try {
      for (;;) {
        await ask((tx) => tx`SELECT 1`);
        const now = look();
        if (typeof now === 'object') throw new FailedToLead(now.failed);
        if (released || (now === 'leading' && reign === null && !stopped)) return;
        if (now === 'leading') settled();
        await pause(leaseMs / SIGNS_OF_LIFE);
      }
    } catch (error) {
      const now = look();
      // Both at once: why it could not lead says more than that its session is lost as well.
      throw typeof now === 'object' ? new FailedToLead(now.failed) : error;
    } finally {
      isHeld = false;
    }
  }

  async function stand(session: Session): Promise<void> {
    const { ask } = session;
    await ask((tx) => tx`SELECT set_config('idle_in_transaction_session_timeout', ${String(leaseMs)}, true)`);
    while (!released) {
      const [row] = await ask(
        (tx) => tx<{ held: boolean }[]>`SELECT pg_try_advisory_xact_lock(${LEADER_LOCK}) AS held`,
      );
      if (row?.held === true) return hold(session);
      seen = await readLeadership(database.sql);
      if (reign !== null && seen?.term !== reign.term) void standDown();
      settled();
      await pause(ASK_MS);
    }
  }

  /** The session's transaction, whose line is given up when an answer does not come: else it would be waited for without end. */
  function sessionOf(tx: TransactionSql, giveUp: () => void): Session {
    return {
      ask: (question) =>
        new Promise((resolve, reject) => {
          const cancel = world.after(ANSWER_LIMIT_MS, () => {
            giveUp();
            reject(new Error(`the database said nothing for ${ANSWER_LIMIT_MS} ms`));
          });
          question(tx).then(resolve, reject).finally(cancel);
        }),
    };
  }

  async function run(): Promise<void> {
    while (!released) {
      let standing: Promise<void> = Promise.resolve();
      try {
        await database.alone((tx, giveUp) => {
          standing = stand(sessionOf(tx, giveUp));
          return standing;
        });
      } catch (lost) {
        // A session that is lost is told of at once, and what stood on it ends a moment later: it may know more.
        wake();
        const error = await standing.then(
          () => lost,
          (ended: unknown) => (ended instanceof FailedToLead ? ended : lost),
        );
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

  /** Whether this has ended, well or not, before it is given up. */
  function isInTime(work: Promise<void>, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = world.after(limitMs, () => resolve(false));
      void work.finally(() => {
        cancel();
        resolve(true);
      });
    });
  }

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
      if (await isInTime(taking, BEGIN_LIMIT_MS)) {
        if (!(await isInTime(standDown(), STOP_LIMIT_MS)))
          candidate.onFault(new Error(`its reign had not ended after ${STOP_LIMIT_MS} ms, and is not waited for`));
      } else {
        candidate.onFault(new Error(`it had not begun to lead after ${BEGIN_LIMIT_MS} ms, and is not waited for`));
        // Whoever leads next ends what it still writes by his term; what it has opened is closed when it comes.
        void taking.then(standDown);
      }
      released = true;
      wake();
      await running;
    },
  };
}

/** The session that holds the lock, or asks for it. */
type Session = { ask<Answer>(question: (tx: TransactionSql) => Promise<Answer>): Promise<Answer> };

/** The lock was held, and what a leader needs could not be had. */
class FailedToLead extends Error {
  constructor(cause: unknown) {
    super('it could not lead', { cause });
  }
}
