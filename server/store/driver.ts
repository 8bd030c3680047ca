/** The PostgreSQL driver as this project uses it: what a column becomes in JavaScript, and how long anything may take. */
import { systemWorld, type World } from '../world.ts';
import { createPool, limitAnswers, type PoolOptions, type Sql, type TransactionSql } from './pool.ts';

export type { Sql, TransactionSql } from './pool.ts';

/** Where a database is and as whom; a URL from the configuration, or a cluster of ours. */
export type Target =
  | string
  | { readonly host: string; readonly port: number; readonly database: string; readonly user: string };

const STATEMENT_LIMIT_MS = 30_000;
/** Who connects gives up after so long. */
const CONNECT_LIMIT_S = 10;
/** PostgreSQL ends what takes too long by itself; when it is silent for so much longer, nobody is there. */
const SILENCE_LIMIT_MS = 10_000;
/** How long one answer is waited for, ms. */
export const ANSWER_LIMIT_MS = STATEMENT_LIMIT_MS + SILENCE_LIMIT_MS;

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

/** PostgreSQL's numbers of the array types in use. */
const ARRAY_OF = { bytea: 1001, int: 1007, text: 1009, bigint: 1016 } as const;

/** A list as PostgreSQL writes it, each item by `write`; what is a string already is left as it is. */
function arrayType<Item>(to: number, write: (item: Item) => string) {
  const element = (item: Item | null): string => (item === null ? 'NULL' : write(item));
  const serialize = (list: readonly (Item | null)[] | string): string =>
    typeof list === 'string' ? list : `{${list.map(element).join(',')}}`;
  return { to, from: [], serialize };
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

const arrays = {
  // Hexadecimal digits behind one backslash: nothing in them needs to be looked for.
  byteStrings: arrayType(ARRAY_OF.bytea, (bytes: Uint8Array) => `"\\${plainBytes.serialize(bytes)}"`),
  ints: arrayType(ARRAY_OF.int, String),
  texts: arrayType(ARRAY_OF.text, quoted),
  bigints: arrayType(ARRAY_OF.bigint, safeBigint.serialize),
};

/** A list of byte strings as a parameter; the driver would take a plain one for a single byte string. */
export function byteList(sql: Sql | TransactionSql, list: readonly (Uint8Array | null)[]) {
  return sql.typed(list as unknown as string, ARRAY_OF.bytea);
}

/**
 * Opens a pool; connects on the first query.
 *
 * Shape:  at most `connections` at once; the others wait. `name` is what PostgreSQL calls them.
 * Throws: on a query: a PostgresError with PostgreSQL's five-character `code`; CONNECTION_CLOSED when the connection is lost, does not
 *         come about, or says nothing for ANSWER_LIMIT_MS; CONNECTION_ENDED when the pool is closed.
 */
export function openPool(
  target: Target,
  connections: number,
  name = 'kaibiao',
  { after }: Pick<World, 'after'> = systemWorld,
): Sql {
  const options: PoolOptions = {
    types: { bigint: safeBigint, bytea: plainBytes, ...arrays },
    // The driver would ask each connection for the array types, and a loss just then kills the process.
    fetch_types: false,
    connect_timeout: CONNECT_LIMIT_S,
    max_lifetime: null,
    connection: {
      application_name: name,
      statement_timeout: STATEMENT_LIMIT_MS,
      idle_in_transaction_session_timeout: STATEMENT_LIMIT_MS,
    },
    // "already exists, skipping" and the like; what matters arrives as an error.
    onnotice: () => undefined,
  };
  const limits = { after, connectMs: CONNECT_LIMIT_S * 1_000, answerMs: ANSWER_LIMIT_MS };
  if (typeof target !== 'string') return createPool({ ...target, ...options }, connections, limits);
  const { url, socketFolder } = splitSocketFolder(target);
  return createPool(socketFolder === null ? options : { ...options, host: socketFolder }, connections, limits, url);
}

/** Lets each statement of a transaction take so long from here on, ms; with null without limit. */
export async function limitStatements(tx: TransactionSql, limitMs: number | null): Promise<void> {
  limitAnswers(tx, limitMs === null ? null : limitMs + SILENCE_LIMIT_MS);
  await tx`SELECT set_config('statement_timeout', ${String(limitMs ?? 0)}, true)`;
}

/** `?host=/folder` names a Unix socket, as in libpq; the driver would send it to the server as a setting. */
function splitSocketFolder(target: string): { url: string; socketFolder: string | null } {
  const url = new URL(target);
  const socketFolder = url.searchParams.get('host');
  url.searchParams.delete('host');
  return { url: url.href, socketFolder };
}
