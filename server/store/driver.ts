/** The PostgreSQL driver as this project uses it: what a column becomes in JavaScript, and how long anything may take. */
import postgres from 'postgres';

/** Where a database is and as whom; a URL from the configuration, or a cluster of ours. */
export type Target =
  | string
  | { readonly host: string; readonly port: number; readonly database: string; readonly user: string };

const STATEMENT_LIMIT_MS = 30_000;

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
    // "already exists, skipping" and the like; what matters arrives as an error.
    onnotice: () => undefined,
  };
  if (typeof target !== 'string') return postgres({ ...target, ...options }) as unknown as Sql;
  const { url, socketFolder } = splitSocketFolder(target);
  return postgres(url, socketFolder === null ? options : { ...options, host: socketFolder }) as unknown as Sql;
}

/** `?host=/folder` names a Unix socket, as in libpq; the driver would send it to the server as a setting. */
function splitSocketFolder(target: string): { url: string; socketFolder: string | null } {
  const url = new URL(target);
  const socketFolder = url.searchParams.get('host');
  url.searchParams.delete('host');
  return { url: url.href, socketFolder };
}
