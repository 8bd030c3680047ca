/** What a page asks of its verifying worker and what it is told: plain values and files, nothing that runs. */

import type { Words } from '../../server/core/log/words.ts';
import type { RecordMark } from '../../server/core/opening/record-mark.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import type { HeldPart, Verified } from '../../server/verify/log.ts';
import type { ReceiptVerdict } from '../../server/verify/receipt.ts';
import type { HeldEntry } from '../replica/replica.ts';

/** A file that somebody gave the page, by its path below what was given. */
export type Given = { readonly path: string; readonly blob: Blob };

/** Whom the reader believes, from elsewhere than what is judged; each is the text of a file or of a field. */
export type Anchors = {
  /** A tlog-policy, or the ledger's vkey alone. */
  readonly policy: string | null;
  /** PEM of time-stamping authorities' roots. */
  readonly stampRoots: string | null;
};

export type JudgeRequest = {
  readonly id: number;
  readonly given: readonly Given[];
  readonly anchors: Anchors;
  /** What a QR code or a record number says of the record, to be held against the log. */
  readonly mark: RecordMark | null;
  /** Whether only the public's view is at hand, so that disclosures may be missing. */
  readonly isPublicView: boolean;
};

/** Why something is not believed: the verifier's own code and words. */
export type Refusal = {
  readonly reason: string;
  readonly words: Words;
  readonly seq: number | null;
  readonly detail: string | null;
};

export type ShownEntry = Pick<HeldEntry, 'entry' | 'event' | 'text'>;

export type JudgedLog = {
  readonly kind: 'log';
  readonly name: string;
  /** Parts that held, in order. */
  readonly held: readonly HeldPart[];
  readonly refusal: Refusal | null;
  readonly verified: Omit<Verified, 'state' | 'record'> | null;
  readonly state: OpeningState | null;
  /** The newest entries of an opening. */
  readonly shown: readonly ShownEntry[];
  /** What became of the mark; null without one, and of no opening. */
  readonly mark: MarkVerdict | null;
};

/** `stands`: the log has that record at that place. */
export type MarkVerdict = 'stands' | 'other_opening' | 'other_head' | 'other_record' | 'not_reached';

export type JudgedReceipt = {
  readonly kind: 'receipt';
  readonly name: string;
  readonly refusal: Refusal | null;
  readonly verdict: Pick<ReceiptVerdict, 'receipt' | 'ledgerSeq' | 'ledger'> | null;
  /** Whether an envelope was held against it. */
  readonly hasEnvelope: boolean;
};

/** Something that is nothing the page knows. */
export type Unknown = { readonly kind: 'unknown'; readonly name: string };

export type Judged = JudgedLog | JudgedReceipt | Unknown;

export type JudgeAnswer =
  | { readonly id: number; readonly kind: 'entries'; readonly entries: number }
  | { readonly id: number; readonly kind: 'judged'; readonly judged: readonly Judged[] }
  /** The anchors cannot be read; `field` says which. */
  | { readonly id: number; readonly kind: 'anchor_malformed'; readonly field: keyof Anchors; readonly detail: string }
  | { readonly id: number; readonly kind: 'broken'; readonly detail: string };
