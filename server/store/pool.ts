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
import { systemWorld } from '../world.ts';

type Types = { bigint: number; bytea: Uint8Array };
/** Queries are template strings, `sql.begin` is a transaction. */
export type Sql = postgres.Sql<Types>;
/** The same within a transaction. */
export type TransactionSql = postgres.TransactionSql<Types>;
export type PoolOptions = postgres.Options<{ bigint: postgres.PostgresType; bytea: postgres.PostgresType }>;

/** Prepared statements collect on a connection; after so many uses another takes its place. */
const USES_LIMIT = 20_000;
/** A listener that lost its connection tries again after doubling pauses. */
const PAUSE_MS = { first: 20, longest: 1_000 } as const;

/** What the driver makes of a template: nothing happens before somebody waits for it; then its handler is called, once. */
type Query = {
  handler: (query: Query) => void;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
};
type Work = (tx: TransactionSql) => unknown;
type Ask = (...args: unknown[]) => unknown;

type Connection = {
  readonly client: Sql;
  readonly carryOut: (query: Query) => void;
  isLost: boolean;
  uses: number;
  /** Whom to tell when it is lost; null while nobody uses it. */
  tell: ((why: unknown) => void) | null;
};

const CONNECTION_CODES = ['CONNECTION_CLOSED', 'CONNECTION_ENDED'] as const;
type ConnectionCode = (typeof CONNECTION_CODES)[number];

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

/** A pool of at most `size` connections; connects on the first query. */
export function createPool(options: PoolOptions, size: number, target?: string): Sql {
  // Only makes queries and holds what they are made with; it never connects.
  const maker = (target === undefined ? postgres(options) : postgres(target, options)) as unknown as Sql;
  const connections = new Set<Connection>();
  const listeners = new Set<() => Promise<void>>();
  const idle: Connection[] = [];
  const waiting: Waiting[] = [];
  let isEnded = false;

  /** A driver for one connection. It shares the maker's options, also what drizzle changes in them. */
  function openClient(more: { onclose: () => void; onnotify?: (channel: string, payload: string) => void }): Sql {
    const shared = { ...maker.options, ...more, max: 1 };
    return postgres(shared as unknown as postgres.Options<Record<string, postgres.PostgresType>>) as unknown as Sql;
  }

  function open(): Connection {
    const client = openClient({ onclose: () => lose(connection) });
    const carryOut = (client`` as unknown as Query).handler;
    const connection: Connection = { client, carryOut, isLost: false, uses: 0, tell: null };
    connections.add(connection);
    return connection;
  }

  function lose(connection: Connection, why?: unknown): void {
    if (connection.isLost) return;
    connection.isLost = true;
    connections.delete(connection);
    const place = idle.indexOf(connection);
    if (place !== -1) idle.splice(place, 1);
    void connection.client.end({ timeout: 0 });
    connection.tell?.(why ?? connectionError('CONNECTION_CLOSED', 'the connection to the database was lost'));
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
    else lose(connection);
    const next = waiting.shift();
    if (next !== undefined) acquire(next);
  }

  /** Gives a query to a connection, and makes sure that it hears of its loss even when the driver has forgotten it. */
  function carryOut(query: Query): void {
    const { resolve, reject } = query;
    acquire({
      take(connection) {
        let isOver = false;
        const settle = (isWhole: boolean, tell: () => void): void => {
          if (isOver) return;
          isOver = true;
          if (!isWhole) lose(connection);
          tell();
          release(connection);
        };
        query.resolve = (answer) => settle(true, () => resolve(answer));
        query.reject = (error) => settle(isAnswer(error), () => reject(told(error)));
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
    const stand: Stand = { isOver: () => isOver || connection.isLost, lose: (why) => lose(connection, why) };
    try {
      const options = args.length > 1 ? String(args[0]) : '';
      return await Promise.race([connection.client.begin(options, fence(work, stand)), lost]);
    } catch (error) {
      // Without `query` it is what the work itself threw, and may be an error of another socket or file.
      if (!(error instanceof Error && 'query' in error) || isAnswer(error)) throw error;
      lose(connection);
      throw told(error);
    } finally {
      isOver = true;
      release(connection);
    }
  }

  async function listen(channel: string, hear: (payload: string) => void, onListening?: () => void) {
    const listener = startListener(openClient, channel, hear, onListening ?? (() => undefined));
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
    const ended = [...connections].map(({ client }) => client.end(timeout === undefined ? {} : { timeout }));
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
type Stand = { isOver(): boolean; lose(why: unknown): void };

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
    const { handler, reject } = query;
    query.reject = (error) => {
      if (!isAnswer(error)) stand.lose(told(error));
      reject(told(error));
    };
    query.handler = (q) => {
      if (stand.isOver()) reject(connectionError('CONNECTION_CLOSED', 'the transaction is over'));
      else handler(q);
    };
    return query;
  };
  const savepoint = async (...args: unknown[]): Promise<unknown> => {
    if (stand.isOver()) throw connectionError('CONNECTION_CLOSED', 'the transaction is over');
    return (tx.savepoint as Ask)(...args.slice(0, -1), fence(args.at(-1) as Work, stand));
  };
  return new Proxy(tx, {
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
}

type Listener = { readonly ready: Promise<void>; stop(): Promise<void> };
type OnConnection = { readonly onclose: () => void; readonly onnotify: (channel: string, payload: string) => void };

/** Hears a channel, each time on a new connection when the last one was lost; only the first try may fail. */
function startListener(
  openClient: (on: OnConnection) => Sql,
  channel: string,
  hear: (payload: string) => void,
  onListening: () => void,
): Listener {
  let isStopped = false;
  let failures = 0;
  let client: Sql | null = null;
  let cancelPause: () => void = () => undefined;

  async function start(): Promise<void> {
    const opened = openClient({
      onclose: () => again(opened),
      onnotify: (where, payload) => {
        if (where === channel && !isStopped) hear(payload);
      },
    });
    client = opened;
    await opened`LISTEN ${opened(channel)}`;
    if (isStopped || client !== opened) return;
    failures = 0;
    onListening();
  }

  /** Leaves this connection for a new one, unless it was left already. */
  function again(left: Sql): void {
    if (isStopped || client !== left) return;
    client = null;
    void left.end({ timeout: 0 });
    cancelPause = systemWorld.after(Math.min(PAUSE_MS.first * 2 ** failures, PAUSE_MS.longest), () => {
      failures += 1;
      const tried = start();
      const now = client;
      tried.catch(() => now !== null && again(now));
    });
  }

  return {
    ready: start().catch((error: unknown) => {
      isStopped = true;
      throw error;
    }),
    async stop() {
      isStopped = true;
      cancelPause();
      await client?.end({ timeout: 0 });
    },
  };
}

function isTemplate([first]: readonly unknown[]): boolean {
  return Array.isArray(first) && 'raw' in first;
}

const never = (): Promise<never> => new Promise(() => undefined);

function connectionError(code: ConnectionCode, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

/** An error as it is told: one code for every way in which a connection is lost or never comes about. */
function told(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || isAnswer(error)) return error;
  const code = String(error.code);
  if (!('syscall' in error) && !code.startsWith('CONNECT')) return error;
  if (CONNECTION_CODES.some((known) => known === code)) return error;
  return connectionError('CONNECTION_CLOSED', `no connection to the database: ${code}`, error);
}

/** Whether it is PostgreSQL that answered so; after any other error nobody knows where the connection stands. */
function isAnswer(error: unknown): boolean {
  return error instanceof postgres.PostgresError;
}
