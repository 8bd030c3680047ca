/** What looks at a log beyond the log itself: one for openings, one for the ledger and the access log. */
import type { Entry } from '../core/log/entry.ts';
import type { KeyLink } from '../core/log/key-links.ts';
import type { LogProblem } from '../core/log/verify.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { OpeningState } from '../core/opening/state.ts';
import type { Believed } from './belief.ts';

export type LogVerdict = { readonly ok: true; readonly complete: boolean } | LogProblem;

/** Register batches of a ledger: how many were taken, and of how many it is shown which places were dummies. */
export type BatchCount = { readonly taken: number; readonly revealed: number };

export type Watcher = {
  readonly kind: 'opening' | 'ledger' | 'access';
  /** The next entry, which itself holds, with the withheld values that are disclosed. Returns: the first problem with it or one before. */
  see(entry: Entry, values: Record<string, unknown>): Promise<LogProblem | undefined>;
  /** Waits for what is still being checked of the entries seen; absent where nothing is. Returns: the first problem with them. */
  settle?(): Promise<LogProblem | undefined>;
  finish(): LogVerdict;
  actsChecked(): number;
  /** Of a ledger only. */
  batchCount?(): BatchCount;
  /** Of an opening only: its deadline as the entries so far have it, ms; null before there is one. */
  deadlineAt?(): number | null;
  /** Of a ledger only: whom the platform believed, as far as its entries say. */
  believed?(): Believed;
  /** Of a ledger only: how its own keys followed one another so far. */
  links?(): readonly KeyLink[];
  /** Of an opening only: its last record in RFC 8785 form, whose SHA-256 bidders sign; null while there is none, or none is disclosed. */
  record?(): Uint8Array | null;
  /** Of an opening only: the cosigners that its first entry names; null before it has been seen. */
  cosigners?(): Cosigners | null;
  /** Of an opening only: what its entries so far come to; null before the first. */
  state?(): OpeningState | null;
};
