/** What is judged of an envelope against its promises, check by check, and whose each failure is (seal-format §3); it reads nothing itself. */
import { DECRYPTION_FAULTS, type DecryptionFailure } from '../core/opening/findings.ts';
import { profileOf } from '../core/seal/content-cipher.ts';
import type { LodgementPayload } from '../core/seal/lodgement.ts';
import type { OpenedList } from './content.ts';
import type { EnvelopeScan } from './scan-envelope.ts';

/** What the receipt and the lodgement statement say of an envelope. */
export type Promised = Pick<
  LodgementPayload,
  | 'iss'
  | 'lotId'
  | 'envelopeSha256'
  | 'envelopeBytes'
  | 'recipientInfosSha256'
  | 'cekCommit'
  | 'contentCommit'
  | 'openingListCommit'
  | 'layer'
  | 'profile'
>;

export type OpenFailure = {
  ok: false;
  failure: DecryptionFailure;
  fault: 'bidder' | 'platform' | 'tenderer';
  /** A code for the evidence; never anything of the content. */
  detail: string;
};
/** A failure with whose it is. */
export function failed(failure: DecryptionFailure, detail: string = failure): OpenFailure {
  return { ok: false, failure, fault: DECRYPTION_FAULTS[failure], detail };
}

export type JudgedContent = { list: OpenedList; contentBytes: number; contentCommit: string };

/** The first fault of the stored bytes: every one of them is the platform's, for it received and kept them. */
export function judgeStored(scan: EnvelopeScan, promised: Promised): OpenFailure | undefined {
  const isSame = scan.envelopeSha256 === promised.envelopeSha256 && scan.envelopeBytes === promised.envelopeBytes;
  if (!isSame) return failed('stored_bytes_differ');
  if (scan.header === undefined) return failed('storage_unreadable', scan.problem);
  if (scan.header.recipientInfosSha256 !== promised.recipientInfosSha256) return failed('header_differs');
  // The gate lets no such envelope in, so that it stands here is no bidder's doing.
  if (profileOf(scan.header.cipher) !== promised.profile) return failed('header_differs', 'other_profile');
  return undefined;
}

/** What the content says against the promises, when the stored bytes and the key are right. */
export function judgeContent(
  { content }: Pick<EnvelopeScan, 'content'>,
  promised: Promised,
): OpenFailure | JudgedContent {
  if (!content?.isAuthentic) return failed('tag_mismatch');
  if (content.contentCommit !== promised.contentCommit) return failed('content_mismatch');
  const { list, contentBytes, contentCommit } = content;
  if ('problem' in list) return failed('archive_invalid', list.problem);
  if (list.openingListCommit !== promised.openingListCommit) return failed('opening_list_mismatch');
  if (list.openingList.creditCode !== promised.iss) return failed('opening_list_mismatch', 'other_credit_code');
  if (list.openingList.lotId !== promised.lotId) return failed('opening_list_mismatch', 'other_lot');
  return { list, contentBytes, contentCommit };
}
