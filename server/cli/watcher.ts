/** What looks at a log beyond the log itself: one for openings, one for the ledger and the access log. */
import type { Entry } from '../core/log/entry.ts';
import type { LogProblem } from '../core/log/verify.ts';

export type LogVerdict = { readonly ok: true; readonly complete: boolean } | LogProblem;

export type Watcher = {
  readonly kind: 'opening' | 'ledger' | 'access';
  /** The next entry, which itself holds, with the withheld values that are disclosed. Returns: the first problem with it. */
  see(entry: Entry, values: Record<string, unknown>): Promise<LogProblem | undefined>;
  finish(): LogVerdict;
  actsChecked(): number;
};
