/** What an error of the database means: whether it is away, whether it refuses a value, or whether it is none of its errors. */

/**
 * SQLSTATE classes of a lost connection and of a server short of something: 08, 53, 57, 58; the pool's own codes; and that of a
 * process which no longer leads, for which the database is as good as away (store/leadership.ts).
 */
const AWAY = /^((08|53|57|58)...|CONNECTION_(CLOSED|ENDED)|TERM_IS_OVER)$/;
/** SQLSTATE classes 22 and 23, and what the driver says of a value without a form in SQL. */
const VALUE_REFUSED = /^((22|23)...|UNDEFINED_VALUE)$/;

/**
 * Whether the database could not be asked, was lost before it answered, or is short of something: it will pass by itself, and what
 * was asked may have been done.
 *
 * Shape: an error of the pool (store/pool.ts gives every broken socket the same code) or of drizzle over it; PostgreSQL's own.
 */
export function isDatabaseAway(error: unknown): boolean {
  return says(error, AWAY);
}

/**
 * Whether the database or the driver cannot take a value.
 *
 * Why: only such a fault may be laid at the door of what was asked. A signer that cannot write or a deadlock would otherwise get
 *      everything refused that waits, one after the other.
 */
export function isValueRefused(error: unknown): boolean {
  return says(error, VALUE_REFUSED);
}

/** Any error of a query: the transaction it happened in is lost, so it cannot be contained. */
export function isQueryError(error: unknown): boolean {
  return isDatabaseAway(error) || isValueRefused(error) || (error instanceof Error && error.name === 'PostgresError');
}

/** An error, or one that caused it, has such a code. */
function says(error: unknown, codes: RegExp): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if ('code' in at && codes.test(String(at.code))) return true;
  return false;
}
