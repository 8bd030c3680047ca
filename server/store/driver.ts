/** The PostgreSQL driver as this project uses it: what a column becomes in JavaScript, and how long anything may take. */
import postgres from 'postgres';

/** Where a database is and as whom; a URL from the configuration, or a cluster of ours. */
export type Target =
  | string
  | { readonly host: string; readonly port: number; readonly database: string; readonly user: string };

const STATEMENT_LIMIT_MS = 30_000;
/** Longest pause before connecting again. The driver's own 20 s would make an outage for everyone of a restart of the database. */
const RECONNECT_LIMIT_S = 1;

/** bigint columns are numbers here; one that is not safe is a fault, never rounded. */
const safeBigint = {
  to: 20,
  from: [20],
  serialize(value: number): string {
    if (!Number.isSafeInteger(value)) throw new Error(`${value} is not a safe integer`);
    return String(value);
  },
  parse(text: string): number {
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new Error(`the database holds ${text}, which is not a safe integer`);
    return value;
  },
};

/** A plain Uint8Array with a buffer of its own: not a Buffer, whose small ones share one memory and compare unequal. */
const plainBytes = {
  to: 17,
  from: [17],
  serialize: (value: Uint8Array): string =>
    `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`,
  parse: (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
};

/**
 * A pool of connections; queries are template strings, `sql.begin` is a transaction.
 *
 * Why: a list of byte strings must be given as `sql.array(list, 17)`, or the driver takes it for one byte string.
 */
export type Sql = postgres.Sql<{ bigint: number; bytea: Uint8Array }>;
/** The same within a transaction. */
export type TransactionSql = postgres.TransactionSql<{ bigint: number; bytea: Uint8Array }>;

/**
 * Opens a pool; connects on the first query.
 *
 * Shape:  at most `connections` at once; the others wait.
 * Throws: on a query: a PostgresError with PostgreSQL's five-character `code`.
 */
export function openPool(target: Target, connections: number): Sql {
  const options: postgres.Options<{ bigint: postgres.PostgresType; bytea: postgres.PostgresType }> = {
    max: connections,
    types: { bigint: safeBigint, bytea: plainBytes },
    connection: {
      application_name: 'kaibiao',
      statement_timeout: STATEMENT_LIMIT_MS,
      idle_in_transaction_session_timeout: STATEMENT_LIMIT_MS,
    },
    backoff: (tries: number) => Math.min(0.02 * 2 ** tries, RECONNECT_LIMIT_S),
    // "already exists, skipping" and the like; what matters arrives as an error.
    onnotice: () => undefined,
  };
  if (typeof target !== 'string') return endWithConnection(postgres({ ...target, ...options }) as unknown as Sql);
  const { url, socketFolder } = splitSocketFolder(target);
  const at = socketFolder === null ? options : { ...options, host: socketFolder };
  return endWithConnection(postgres(url, at) as unknown as Sql);
}

type Work = (tx: TransactionSql) => unknown;
type Begin = (...args: [...options: string[], work: Work]) => Promise<unknown>;
type Ask = (...args: unknown[]) => unknown;

/**
 * The driver, made safe for the moment in which a connection is lost.
 *
 * Why: (1) The driver rejects a transaction whose connection is lost, but does not stop the function that works in it, and the
 *      connection is soon opened anew: the function's next statement, or the ROLLBACK after its failure, would be carried out
 *      outside any transaction or in the middle of another's. So that function never comes to itself again.
 *      (2) Between the socket's error and its close the driver still gives new queries to the dying connection and forgets
 *      them: nobody would ever hear of them. So nobody hears of the loss before the close.
 */
function endWithConnection(pool: Sql): Sql {
  const begin = pool.begin.bind(pool) as unknown as Begin;
  const fenced: Begin = async (...args) => {
    let isOver = false;
    try {
      return await begin(
        ...(args.slice(0, -1) as string[]),
        fence(args.at(-1) as Work, () => isOver),
      );
    } catch (error) {
      isOver = true;
      if (isConnectionLost(error)) await afterClose();
      throw error;
    }
  };
  return watch(
    pool,
    () => false,
    (name) => (name === 'begin' ? (fenced as Ask) : undefined),
  );
}

/** The queries of a pool or a transaction, each told late of a lost connection, and never answered once it is over. */
function watch<Queries extends Sql | TransactionSql>(
  queries: Queries,
  isOver: () => boolean,
  other: (name: string | symbol) => Ask | undefined,
): Queries {
  const guarded = (ask: () => unknown): unknown => {
    if (isOver()) return never();
    const query = ask() as { reject: (error: unknown) => void };
    const { reject } = query;
    query.reject = (error) => void (isConnectionLost(error) ? afterClose().then(() => reject(error)) : reject(error));
    return query;
  };
  return new Proxy(queries, {
    apply(target, self, args: unknown[]) {
      const ask = () => Reflect.apply(target as unknown as Ask, self, args);
      const isQuery = Array.isArray(args[0]) && 'raw' in args[0];
      return isQuery ? guarded(ask) : ask();
    },
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name === 'unsafe') return (...args: unknown[]) => guarded(() => (value as Ask)(...args));
      return other(name) ?? value;
    },
  });
}

/** The work with a `tx` that answers nothing once it is over, and that then neither returns nor throws. */
function fence(work: Work, isOver: () => boolean): Work {
  return async (tx) => {
    const savepoint: Ask = (...args) =>
      (tx.savepoint as unknown as Ask)(...args.slice(0, -1), fence(args.at(-1) as Work, isOver));
    const watched = watch(tx, isOver, (name) => (name === 'savepoint' ? savepoint : undefined));
    try {
      const asked = work(watched);
      const answer = await (Array.isArray(asked) ? Promise.all(asked) : asked);
      return isOver() ? await never() : answer;
    } catch (error) {
      // A query's own failure: the driver is about to reject the transaction, and must not be asked to roll it back.
      if (isOver() || (isConnectionLost(error) && 'query' in (error as Error))) await never();
      throw error;
    }
  };
}

const never = (): Promise<never> => new Promise(() => undefined);
const afterClose = (): Promise<void> => new Promise((done) => setImmediate(done));

/** A query failed with its connection; the driver tells the transaction so, too. */
function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return /^(CONNECTION_CLOSED|ECONN[A-Z]+|EPIPE|ETIMEDOUT)$/.test(String(error.code));
}

/** `?host=/folder` names a Unix socket, as in libpq; the driver would send it to the server as a setting. */
function splitSocketFolder(target: string): { url: string; socketFolder: string | null } {
  const url = new URL(target);
  const socketFolder = url.searchParams.get('host');
  url.searchParams.delete('host');
  return { url: url.href, socketFolder };
}
