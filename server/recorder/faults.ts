/** What a fault in a round means: whether it will pass by itself, whether what was asked is to blame, and what callers are told. */

/** The outcome of a COMMIT is not known, or the database is away: ask again with the same command id. */
export class OutcomeUnknownError extends Error {
  readonly code = 'outcome_unknown';
  constructor(cause: unknown) {
    super('the outcome is not known; ask again with the same command id', { cause });
  }
}

/** Errors of the connection or of a database that is short of something: SQLSTATE classes 08, 53, 57, 58, and the driver's own. */
export function isDatabaseAway(error: unknown): boolean {
  const code = codeOf(error);
  return /^(08|53|57|58)...$/.test(code) || /^(CONNECTION_|CONNECT_|ECONN|EPIPE|ENOENT|ETIMEDOUT)/.test(code);
}

/**
 * The database or the driver cannot take a value: SQLSTATE classes 22 and 23, or something without a form in SQL.
 *
 * Why: only such a fault may be laid at the door of a submission. A signer that cannot write or a deadlock would otherwise get
 *      everything refused that waits, one after the other.
 */
export function isValueRefused(error: unknown): boolean {
  const code = codeOf(error);
  return /^(22|23)...$/.test(code) || code === 'UNDEFINED_VALUE';
}

/** Any error of a query: the transaction it happened in is lost, so it cannot be contained. */
export function isQueryError(error: unknown): boolean {
  return isDatabaseAway(error) || isValueRefused(error) || (error instanceof Error && error.name === 'PostgresError');
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
