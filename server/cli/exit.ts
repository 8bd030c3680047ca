/** How the command line ends: what its exit codes mean, and the error that says it was not understood. */

/** 0: done. 1: refused or failed, with the reason on standard error. 2: the command line was not understood. */
export const EXIT = { done: 0, refused: 1, usage: 2 } as const;

/** The command line was not understood; main answers with the usage and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
