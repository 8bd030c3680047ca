/**
 * A pool over the driver in which a connection that was lost is never used again.
 *
 * Why: the driver (postgres 3.4.9) opens a lost connection anew in the same object and leaves there what it was doing: a query
 *      given to it between the socket's error and its close is answered as done, rows half received push the next answer's
 *      rows aside, bytes not yet written stop the new connection before it begins, the function of a lost transaction runs on
 *      outside of it or in the middle of another's, and a statement after the close kills the process (porsager/postgres#1208);
 *      after a parameter that has no form in SQL the next query may wait forever. So here each connection is a driver of its
 *      own, that is thrown away after any error that is not PostgreSQL's answer, and everything that waits for it is told.
 */
import postgres from 'postgres';
import type { World } from '../world.ts';
import { createDatabaseLine, type DatabaseLine, type Places } from './database-line.ts';
import { connectionError, isAnswer, leavesConnection, told } from './pool-errors.ts';
import { type Hearing, type OnHearing, startListener } from './pool-listener.ts';

type Types = { bigint: number; bytea: Uint8Array };
/** Queries are template strings, `sql.begin` is a transaction. */
export type Sql = postgres.Sql<Types>;
/** The same within a transaction. */
export type TransactionSql = postgres.TransactionSql<Types>;
export type PoolOptions = postgres.Options<{ bigint: postgres.PostgresType; bytea: postgres.PostgresType }>;

/** How long the pool waits for others; ms. */
export type PoolLimits = Pick<World, 'after'> & {
  /** For a line to one of the hosts. */
  readonly connectMs: number;
  /** For any one answer, from when a connection was had; a transaction may be given another (`limitAnswers`). */
  readonly answerMs: number;
};

/** Prepared statements collect on a connection; after so many uses another takes its place. */
const USES_LIMIT = 20_000;
/** What the driver makes of a template: nothing happens before somebody waits for it; then its handler is called, once. */
type Query = {
  handler: (query: Query) => void;
  /** Of a cursor: its rows are fetched as they are asked for, so that it has no one answer. */
  readonly cursorFn?: unknown;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
};
type Work = (tx: TransactionSql) => unknown;
type Ask = (...args: unknown[]) => unknown;

type Connection = {
  readonly client: Sql;
  readonly line: DatabaseLine;
  readonly carryOut: (query: Query) => void;
  isLost: boolean;
  uses: number;
  /** Whom to tell when it is lost; null while nobody uses it. */
  tell: ((why: unknown) => void) | null;
};

/** Who waits for a connection. */
type Waiting = { readonly take: (connection: Connection) => void; readonly refuse: (error: Error) => void };

/** Of the driver's functions those that use connections of their own, or array types that it would have to ask for. */
const NOT_HERE: readonly (string | symbol)[] = [
  'reserve',
  'subscribe',
  'notify',
  'largeObject',
  'file',
  'close',
  'array',
];

/**
 * A pool of at most `size` connections; connects on the first query.
 *
 * Why: PostgreSQL's own limits are kept by PostgreSQL. When its machine or the line is gone and nobody says so, only we can tell
 *      that no answer will come: TCP takes a quarter of an hour to.
 */
export function createPool(options: PoolOptions, size: number, limits: PoolLimits, target?: string): Sql {
  // Only makes queries and holds what they are made with; it never connects.
  const maker = (target === undefined ? postgres(options) : postgres(target, options)) as unknown as Sql;
  const connections = new Set<Connection>();
  const listeners = new Set<() => Promise<void>>();
  const idle: Connection[] = [];
  const waiting: Waiting[] = [];
  let isEnded = false;

  /** A driver for one connection. It shares the maker's options, also what drizzle changes in them. */
  function openClient(line: DatabaseLine, on: Partial<Omit<OnHearing, 'onFail'>>): Sql {
    const shared = { ...maker.options, ...on, max: 1, socket: (places: Places) => line.lay(places) };
    return postgres(shared as unknown as postgres.Options<Record<string, postgres.PostgresType>>) as unknown as Sql;
  }

  function open(): Connection {
    const line = createDatabaseLine(limits, (why) => lose(connection, why));
    const client = openClient(line, { onclose: () => lose(connection) });
    const carryOut = (client`` as unknown as Query).handler;
    const connection: Connection = { client, line, carryOut, isLost: false, uses: 0, tell: null };
    connections.add(connection);
    return connection;
  }

  function openHearing({ onFail, ...on }: OnHearing): Hearing {
    const line = createDatabaseLine(limits, onFail);
    const client = openClient(line, on);
    return {
      client,
      cut() {
        line.cut();
        void client.end({ timeout: 0 });
      },
    };
  }

  /** It is used no more; what it still has to say it says. */
  function retire(connection: Connection): void {
    connection.isLost = true;
    connections.delete(connection);
    const place = idle.indexOf(connection);
    if (place !== -1) idle.splice(place, 1);
    void connection.client.end({ timeout: 0 });
  }

  function lose(connection: Connection, why?: unknown): void {
    if (connection.isLost) return;
    retire(connection);
    connection.line.cut();
    connection.tell?.(why ?? connectionError('CONNECTION_CLOSED', 'the connection to the database was lost'));
  }

  /** Gives a connection up when an answer does not come. Returns: what takes that back. */
  function watch(connection: Connection, answerMs: number | null): () => void {
    if (answerMs === null) return () => undefined;
    const why = `the database said nothing for ${answerMs} ms`;
    return limits.after(answerMs, () => lose(connection, connectionError('CONNECTION_CLOSED', why)));
  }

  function acquire(user: Waiting): void {
    if (isEnded) {
      user.refuse(connectionError('CONNECTION_ENDED', 'the pool is closed'));
      return;
    }
    const connection = idle.pop() ?? (connections.size < size ? open() : undefined);
    if (connection === undefined) {
      waiting.push(user);
      return;
    }
    connection.uses += 1;
    user.take(connection);
  }

  function release(connection: Connection): void {
    connection.tell = null;
    if (!connection.isLost && connection.uses < USES_LIMIT) idle.push(connection);
    else if (!connection.isLost) retire(connection);
    const next = waiting.shift();
    if (next !== undefined) acquire(next);
  }

  /** Gives a query to a connection, and makes sure that it hears of its loss even when the driver has forgotten it. */
  function carryOut(query: Query): void {
    const { resolve, reject } = query;
    acquire({
      take(connection) {
        let isOver = false;
        const cancel = watch(connection, limits.answerMs);
        const settle = (isWhole: boolean, tell: () => void): void => {
          if (isOver) return;
          isOver = true;
          cancel();
          if (!isWhole) lose(connection);
          tell();
          release(connection);
        };
        query.resolve = (answer) => settle(true, () => resolve(answer));
        query.reject = (error) => settle(leavesConnection(error), () => reject(told(error)));
        connection.tell = query.reject;
        connection.carryOut(query);
      },
      refuse: reject,
    });
  }

  function adopt(query: unknown): unknown {
    (query as Query).handler = carryOut;
    return query;
  }

  async function begin(...args: readonly [...options: string[], work: Work]): Promise<unknown> {
    const work = args.at(-1) as Work;
    let tellLost: (why: unknown) => void = () => undefined;
    const lost = new Promise<never>((_, reject) => {
      tellLost = reject;
    });
    const connection = await new Promise<Connection>((resolve, refuse) => {
      acquire({
        take(taken) {
          taken.tell = tellLost;
          resolve(taken);
        },
        refuse,
      });
    });
    let isOver = false;
    let answerMs: number | null = limits.answerMs;
    const stand: Stand = {
      isOver: () => isOver || connection.isLost,
      lose: (why) => lose(connection, why),
      watch: () => watch(connection, answerMs),
      limitAnswers(limitMs) {
        answerMs = limitMs;
      },
    };
    try {
      const options = args.length > 1 ? String(args[0]) : '';
      const asked = around(work, stand, (inner) => connection.client.begin(options, inner));
      return await Promise.race([asked, lost]);
    } catch (error) {
      // Without `query` it is what the work itself threw, and may be an error of another socket or file.
      if (!(error instanceof Error && 'query' in error) || leavesConnection(error)) throw error;
      lose(connection);
      throw told(error);
    } finally {
      isOver = true;
      release(connection);
    }
  }

  async function listen(channel: string, hear: (payload: string) => void, onListening?: () => void) {
    const listener = startListener(openHearing, limits, channel, hear, onListening ?? (() => undefined));
    listeners.add(listener.stop);
    await listener.ready;
    return {
      async unlisten() {
        listeners.delete(listener.stop);
        await listener.stop();
      },
    };
  }

  async function end({ timeout }: { readonly timeout?: number } = {}): Promise<void> {
    isEnded = true;
    for (const { refuse } of waiting.splice(0)) refuse(connectionError('CONNECTION_ENDED', 'the pool is closed'));
    const ended = [...connections].map(async ({ client, line }) => {
      await client.end(timeout === undefined ? {} : { timeout });
      line.cut();
    });
    await Promise.all([...ended, ...[...listeners].map((stop) => stop())]);
  }

  const own: Readonly<Record<string, unknown>> = { begin, listen, end };
  return new Proxy(maker, {
    apply: (target, self, args: unknown[]) =>
      isTemplate(args) ? adopt(Reflect.apply(target as unknown as Ask, self, args)) : Reflect.apply(target, self, args),
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(own, name)) return own[name];
      if (NOT_HERE.includes(name)) throw new Error(`${String(name)} of the driver is not used here`);
      const value: unknown = Reflect.get(target, name);
      return name === 'unsafe' ? (...args: unknown[]) => adopt((value as Ask)(...args)) : value;
    },
  });
}

/** How a transaction stands: over once it has ended or its connection is lost. */
type Stand = {
  isOver(): boolean;
  lose(why: unknown): void;
  /** Gives the connection up when an answer does not come. Returns: what takes that back. */
  watch(): () => void;
  limitAnswers(limitMs: number | null): void;
};

const stands = new WeakMap<object, Stand>();

/** Lets answers within this transaction take so long from here on, COMMIT's too; with null without limit. */
export function limitAnswers(tx: TransactionSql, limitMs: number | null): void {
  const stand = stands.get(tx);
  if (stand === undefined) throw new Error('this is no transaction of a pool');
  stand.limitAnswers(limitMs);
}

/** What the driver itself asks around a piece of work has an end, too: BEGIN and COMMIT, or a savepoint and its release. */
async function around(work: Work, stand: Stand, carryOut: (inner: Work) => Promise<unknown>): Promise<unknown> {
  const fenced = fence(work, stand);
  let cancel = stand.watch();
  try {
    return await carryOut(async (tx) => {
      cancel();
      try {
        return await fenced(tx);
      } finally {
        cancel = stand.watch();
      }
    });
  } finally {
    cancel();
  }
}

/**
 * The work of a transaction, out of which the driver hears nothing once the connection is lost.
 *
 * Why: it would send a COMMIT or ROLLBACK over a connection that is none. The work itself ends as usual: each further statement
 *      of it is refused, wherever it catches the error.
 */
function fence(work: Work, stand: Stand): Work {
  return async (tx) => {
    try {
      const asked = work(guard(tx, stand));
      const answer = await (Array.isArray(asked) ? Promise.all(asked) : asked);
      if (!stand.isOver()) return answer;
    } catch (error) {
      if (!stand.isOver()) throw error;
    }
    return never();
  };
}

/** A transaction's queries, none of which is carried out once it is over. */
function guard(tx: TransactionSql, stand: Stand): TransactionSql {
  const watched = (asked: unknown): unknown => {
    const query = asked as Query;
    const { handler, resolve, reject } = query;
    let cancel = (): void => undefined;
    query.resolve = (answer) => {
      cancel();
      resolve(answer);
    };
    query.reject = (error) => {
      cancel();
      if (!isAnswer(error)) stand.lose(told(error));
      reject(told(error));
    };
    query.handler = (q) => {
      if (stand.isOver()) reject(connectionError('CONNECTION_CLOSED', 'the transaction is over'));
      else {
        if (q.cursorFn === undefined) cancel = stand.watch();
        handler(q);
      }
    };
    return query;
  };
  const savepoint = async (...args: unknown[]): Promise<unknown> => {
    if (stand.isOver()) throw connectionError('CONNECTION_CLOSED', 'the transaction is over');
    const work = args.at(-1) as Work;
    return around(work, stand, (inner) => (tx.savepoint as Ask)(...args.slice(0, -1), inner) as Promise<unknown>);
  };
  const guarded = new Proxy(tx, {
    apply: (target, self, args: unknown[]) =>
      isTemplate(args)
        ? watched(Reflect.apply(target as unknown as Ask, self, args))
        : Reflect.apply(target, self, args),
    get(target, name) {
      if (name === 'savepoint') return savepoint;
      if (NOT_HERE.includes(name)) throw new Error(`${String(name)} of the driver is not used here`);
      const value: unknown = Reflect.get(target, name);
      return name === 'unsafe' ? (...args: unknown[]) => watched((value as Ask)(...args)) : value;
    },
  });
  stands.set(guarded, stand);
  return guarded;
}

function isTemplate([first]: readonly unknown[]): boolean {
  return Array.isArray(first) && 'raw' in first;
}

const never = (): Promise<never> => new Promise(() => undefined);
