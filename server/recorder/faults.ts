/** What whoever asked the recorder is told when it cannot know what became of it. */

/** The outcome of a COMMIT is not known, or the database is away: ask again with the same command id. */
export class OutcomeUnknownError extends Error {
  readonly code = 'outcome_unknown';
  constructor(cause: unknown) {
    super('the outcome is not known; ask again with the same command id', { cause });
  }
}
