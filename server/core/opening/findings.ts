/** What can be found of a bid: why it did not open and at whose door that lies, what a scan of the stored ones finds, how it is ruled. */
import * as Type from 'typebox';
import { BidderNumber } from './details.ts';

const strict = { additionalProperties: false } as const;

/** What two people may rule on a bid that did not open (20号令31); `unknown` is ruled as such, never by silence. */
export const VERDICTS = ['deemed_revoked', 'deemed_withdrawn', 'unknown'] as const;
export type Verdict = (typeof VERDICTS)[number];
export const VerdictSchema = Type.Enum(VERDICTS);

/** Why a received decryption did not open its bid, and at whose door that lies (seal-format §3, in the order of checks). */
export const DECRYPTION_FAULTS = {
  stored_bytes_differ: 'platform',
  storage_unreadable: 'platform',
  worker_failed: 'platform',
  header_differs: 'platform',
  statement_invalid: 'bidder',
  certificate_not_valid: 'bidder',
  key_not_readable: 'bidder',
  wrong_key: 'bidder',
  tag_mismatch: 'bidder',
  content_mismatch: 'bidder',
  archive_invalid: 'bidder',
  opening_list_mismatch: 'bidder',
  /** Under the bidder's own layer there is no second one to the opening key (seal/LAYERS.md). */
  layer_malformed: 'bidder',
  layer_wrong_key: 'bidder',
  /** The holders did not give the opening key, or what they gave is not it. */
  layer_not_opened: 'tenderer',
  /** The same of the key of a blind window (seal/BLIND.md). */
  window_key_not_given: 'tenderer',
} as const;
export type DecryptionFailure = keyof typeof DECRYPTION_FAULTS;
export const DECRYPTION_FAILURES = Object.keys(DECRYPTION_FAULTS) as readonly DecryptionFailure[];

/** What a scan of the stored envelopes can find, which opens none: each is the platform's, for it received and kept them. */
export const STORAGE_FAILURES = [
  'stored_bytes_differ',
  'storage_unreadable',
  'header_differs',
] as const satisfies readonly DecryptionFailure[];
export type StorageFailure = (typeof STORAGE_FAILURES)[number];

/** The bids a scan found damaged, by number, each once. */
export const DamagedSchema = Type.Array(
  Type.Object({ bidder: BidderNumber, failure: Type.Enum(STORAGE_FAILURES) }, strict),
);
/** What the scan at the sealing had found; null where it had not ended in time, or under an earlier leader. */
export const AtSealingSchema = Type.Union([DamagedSchema, Type.Null()]);

/** Failed attempts the law cares about that become entries of their own (log-format §2). */
export const ATTEMPTS = ['late_decryption', 'early_opening', 'foreign_decryption'] as const;
