/** What a page asks of its verifying worker and what it is told: plain values and files, nothing that runs. */

import type { Words } from '../../server/core/log/words.ts';
import type { RecordMark, RecordNumber } from '../../server/core/opening/record-mark.ts';
import type { RecordStatement } from '../../server/core/opening/record-paper.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import type { HeldPart, Verified } from '../../server/verify/log.ts';
import type { ReceiptVerdict } from '../../server/verify/receipt.ts';
import type { PaperStanding } from '../../server/verify/record-paper.ts';
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
  /** What a QR code says of the record, or a number that somebody typed, to be held against the log. */
  readonly mark: RecordMark | RecordNumber | null;
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

/** What the reader gave besides, from elsewhere, that this log was held against. */
export type HeldAgainst = {
  /** A key of this ledger, alone or in a policy. */
  readonly key: boolean;
  readonly policy: boolean;
  readonly stampRoots: boolean;
};

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
  readonly mark: MarkFound | null;
  readonly heldAgainst: HeldAgainst;
  /** Fetched from the platform whose page this is, and not brought by the reader. */
  readonly isFetched: boolean;
};

/**
 * `stands`: the log has that record at that place, and it is the present one; `replaced`: it had, and a later version voids what was
 * signed on it; `named`: a version that was only typed is there, and its digest is to be compared; `absent`: it is not.
 */
export type MarkVerdict =
  | 'stands'
  | 'replaced'
  | 'named'
  | 'absent'
  | 'other_opening'
  | 'other_head'
  | 'other_record'
  | 'not_reached';
export type MarkFound = {
  readonly verdict: MarkVerdict;
  /** The present version of the record; null while there is none. */
  readonly present: number | null;
  /** Digest of the version that was asked for; null where the log has none. */
  readonly sha256: string | null;
};

/** What the cosigners of the reader's policy say of the ledger that a receipt stands in; null where none are asked for. */
export type ReceiptCosigned = { readonly isReached: boolean; readonly words: string } | null;

export type JudgedReceipt = {
  readonly kind: 'receipt';
  readonly name: string;
  readonly refusal: Refusal | null;
  readonly verdict: Pick<ReceiptVerdict, 'receipt' | 'ledgerSeq' | 'ledger'> | null;
  /** Whether an envelope was held against it. */
  readonly hasEnvelope: boolean;
  /** Whether its ledger is one whose key the reader gave. */
  readonly isTrusted: boolean;
  /** Whether the reader gave a policy at all. */
  readonly hasPolicy: boolean;
  readonly cosigned: ReceiptCosigned;
};

export type JudgedPaper = {
  readonly kind: 'paper';
  readonly name: string;
  readonly refusal: Refusal | null;
  /** What it says of itself; null where it is refused. */
  readonly said: Pick<RecordStatement, 'log' | 'origin' | 'mark' | 'vkey'> | null;
  readonly form: 'original' | 'public';
  /** What a log of that opening, given as well, comes to; null where none was. */
  readonly onLog: PaperOnLog | null;
};

/** `isAnchored`: the log is vouched for by whom the reader trusts. */
export type PaperOnLog = { readonly standing: PaperStanding | 'log_refused'; readonly isAnchored: boolean };

/** Something that is nothing the page knows. */
export type Unknown = { readonly kind: 'unknown'; readonly name: string };

export type Judged = JudgedLog | JudgedReceipt | JudgedPaper | Unknown;

export type JudgeAnswer =
  | { readonly id: number; readonly kind: 'entries'; readonly entries: number }
  | { readonly id: number; readonly kind: 'judged'; readonly judged: readonly Judged[] }
  /** The anchors cannot be read; `field` says which. */
  | { readonly id: number; readonly kind: 'anchor_malformed'; readonly field: keyof Anchors; readonly detail: string }
  | { readonly id: number; readonly kind: 'broken'; readonly detail: string };
