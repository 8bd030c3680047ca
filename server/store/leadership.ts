/** Whose term it is among the processes of one database: terms are taken one after the other, and what a leader writes is held to his. */
import type { Sql, TransactionSql } from './driver.ts';

/** How the processes of one database stand, as the one row says; before the first leader there is none. */
export type Leadership = {
  /** Counted up from 1; each leader has one of his own. */
  readonly term: number;
  /** What PostgreSQL calls the leader's connections. */
  readonly processId: string;
  /** Why the leader takes no commands; null while he does. */
  readonly readOnly: string | null;
};

/** Another process leads, or may: what was begun in an earlier term is rolled back. */
class TermOverError extends Error {
  readonly code = 'TERM_IS_OVER';
  constructor(term: number) {
    super(`term ${term} is over: another process leads`);
    this.name = 'TermOverError';
  }
}

/**
 * Where transactions of a leader and the beginning of a term queue up; any number, as long as every version takes the same.
 *
 * Why: rows have no queue. Who shares one is let in past whoever waits to change it, so that a leader with transactions that
 *      overlap would keep the next one out for as long as he is busy.
 */
const TERM_LOCK = 7_301_003;
/** How long a new leader waits for the transactions of the one before, before he ends their sessions. */
const PATIENCE_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** Reads the row. Returns: null before the first term. */
export async function readLeadership(sql: Sql | TransactionSql): Promise<Leadership | null> {
  const [row] = await sql<Leadership[]>`
    SELECT term, process_id AS "processId", read_only AS "readOnly" FROM leadership`;
  return row ?? null;
}

/**
 * Which database this is, so that one guard can tell whether its leaders come one after the other.
 *
 * Why: a copy made by dump and restore, or beside it in the same cluster, is another. A copy of the cluster's files is not: never
 *      run one with the same data folder.
 */
export async function identify(sql: Sql): Promise<string> {
  const [row] = await sql<{ cluster: string; database: string }[]>`
    SELECT c.system_identifier::text AS cluster, d.oid::text AS database
    FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()`;
  if (row === undefined) throw new Error('the database does not know which one it is');
  return `${row.cluster}-${row.database}`;
}

/**
 * Begins a term.
 *
 * Shape:   `after` is a term that it must be later than, besides the last one of the database: the guard's, for the database may
 *          have been put back to an earlier state.
 * Returns: the term, once every transaction of the terms before has ended and none can begin.
 * Why:     transactions of a leader share the lock and the row (`heldTo`), so that this change waits for those in front of it and
 *          those behind wait for it. A leader that hangs in the middle of one is not waited for: PostgreSQL ends its sessions,
 *          and what they had begun is rolled back.
 */
export async function beginTerm(sql: Sql, processId: string, after: number): Promise<number> {
  try {
    return await takeTerm(sql, processId, after);
  } catch (error) {
    if ((error as { readonly code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
    await sql`
      SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a, leadership l
      WHERE a.datname = current_database() AND a.usename = current_user
      AND a.application_name = l.process_id AND l.process_id <> ${processId}`;
    return takeTerm(sql, processId, after);
  }
}

function takeTerm(sql: Sql, processId: string, after: number): Promise<number> {
  return sql.begin(async (tx) => {
    await tx`SELECT set_config('lock_timeout', ${String(PATIENCE_MS)}, true)`;
    await tx`SELECT pg_advisory_xact_lock(${TERM_LOCK})`;
    const [row] = await tx<{ term: number }[]>`
      INSERT INTO leadership (term, process_id) VALUES (${after + 1}, ${processId})
      ON CONFLICT (single) DO UPDATE
        SET term = greatest(leadership.term, ${after}) + 1, process_id = ${processId}, read_only = NULL
      RETURNING term`;
    if (row === undefined) throw new Error('the database gave no term');
    return row.term;
  });
}

/** Tells the other processes why this one takes no commands, as long as it leads. */
export async function sayReadOnly(sql: Sql, term: number, why: string): Promise<void> {
  await sql`UPDATE leadership SET read_only = ${why}
    WHERE term = ${term} AND (SELECT pg_advisory_xact_lock(${TERM_LOCK})) IS NOT NULL`;
}

/**
 * The database for what only a leader does: each transaction is held to his term.
 *
 * Throws: in `begin`: TermOverError when another process has begun a later term; `onOver` is told of it.
 * Why:    the lock by which a leader is chosen (store/election.ts) can be lost without his knowing: he hangs, his line is cut.
 *         This cannot: the row is shared until the transaction has ended, so that no later term begins before, and afterwards
 *         none of his transactions does.
 */
export function heldTo(sql: Sql, term: number, onOver: () => void): Sql {
  async function begin(...args: readonly unknown[]): Promise<unknown> {
    const work = args.at(-1) as (tx: TransactionSql) => unknown;
    const heldWork = async (tx: TransactionSql): Promise<unknown> => {
      // One way to the database and back. The row is looked at anew when it was changed while the lock was waited for.
      const [ours] = await tx`SELECT 1 FROM leadership
        WHERE term = ${term} AND (SELECT pg_advisory_xact_lock_shared(${TERM_LOCK})) IS NOT NULL FOR SHARE`;
      if (ours === undefined) throw new TermOverError(term);
      return work(tx);
    };
    try {
      return await (sql.begin as (...a: unknown[]) => Promise<unknown>)(...args.slice(0, -1), heldWork);
    } catch (error) {
      if (error instanceof TermOverError) onOver();
      throw error;
    }
  }
  return new Proxy(sql, {
    get: (target, name) => (name === 'begin' ? begin : Reflect.get(target, name)),
  });
}
