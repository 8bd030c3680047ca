/** How errors of the database are told: what PostgreSQL answered, and one code for every way in which a connection is lost or never comes about. */
import postgres from 'postgres';

const CONNECTION_CODES = ['CONNECTION_CLOSED', 'CONNECTION_ENDED'] as const;
type ConnectionCode = (typeof CONNECTION_CODES)[number];

/** Behind these PostgreSQL ends the session. */
const ENDING: readonly string[] = ['FATAL', 'PANIC'];

export function connectionError(code: ConnectionCode, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

/** An error as it is told: one code for every way in which a connection is lost or never comes about. */
export function told(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || isAnswer(error)) return error;
  const code = String(error.code);
  if (!('syscall' in error) && !code.startsWith('CONNECT')) return error;
  if (CONNECTION_CODES.some((known) => known === code)) return error;
  return connectionError('CONNECTION_CLOSED', `no connection to the database: ${code}`, error);
}

/** Whether it is PostgreSQL that answered so; after any other error nobody knows where the connection stands. */
export function isAnswer(error: unknown): boolean {
  return error instanceof postgres.PostgresError;
}

/** Whether the connection goes on behind this error: PostgreSQL's answer to one statement, and not its farewell. */
export function leavesConnection(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !ENDING.includes(error.severity);
}
