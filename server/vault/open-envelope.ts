/** Whether a stored envelope opens to what its bidder promised, judged by the table of seal-format §3 in its order; it writes nothing. */

import { DECRYPTION_FAULTS, type DecryptionFailure } from '../core/opening/commands.ts';
import { cekCommit } from '../core/seal/commitments.ts';
import type { LodgementPayload } from '../core/seal/lodgement.ts';
import type { OpeningList } from '../core/seal/opening-list.ts';
import { sha256 } from '../hash.ts';
import type { OpenedList } from './content.ts';
import { type EnvelopeScan, scanEnvelope } from './scan-envelope.ts';
import { isStorageError, readChunks } from './vault-folder.ts';

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
>;

export type OpenFailure = {
  ok: false;
  failure: DecryptionFailure;
  fault: 'bidder' | 'platform';
  /** A code for the evidence; never anything of the content. */
  detail: string;
};
export type OpenResult =
  | { ok: true; openingList: OpeningList; disclosure: string; contentBytes: number; entries: number }
  | OpenFailure;

/** A failure with whose it is. */
export function failed(failure: DecryptionFailure, detail: string = failure): OpenFailure {
  return { ok: false, failure, fault: DECRYPTION_FAULTS[failure], detail };
}

/**
 * Opens an envelope without writing anything.
 *
 * Returns: the opening list with its disclosure, or the first check that failed. Total but for faults of the program.
 * Why:     one pass: the stored bytes are hashed again each time they are read, and `cekCommit` is checked before any decryption,
 *          so that one and only one key per envelope is ever tried.
 */
export async function openEnvelope(path: string, cek: Uint8Array, promised: Promised): Promise<OpenResult> {
  const commit = cekCommit(sha256, cek);
  const scanned = await scanStored(
    path,
    (recipientInfosSha256) => recipientInfosSha256 === promised.recipientInfosSha256 && commit === promised.cekCommit,
    cek,
  );
  if ('ok' in scanned) return scanned;
  const fault = judgeStored(scanned, promised);
  if (fault) return fault;
  if (commit !== promised.cekCommit) return failed('wrong_key');
  const judged = judgeContent(scanned, promised);
  if ('ok' in judged) return judged;
  const { openingList, disclosure, entries } = judged.list;
  return { ok: true, openingList, disclosure, contentBytes: judged.contentBytes, entries: entries.length };
}

/** Whether the stored bytes are still the received ones (done before the window opens, and with every opening). */
export async function checkStored(path: string, promised: Promised): Promise<{ ok: true } | OpenFailure> {
  const scanned = await scanStored(path, () => false, new Uint8Array(0));
  if ('ok' in scanned) return scanned;
  return judgeStored(scanned, promised) ?? { ok: true };
}

/** The first fault of the stored bytes: every one of them is the platform's, for it received and kept them. */
export function judgeStored(scan: EnvelopeScan, promised: Promised): OpenFailure | undefined {
  const isSame = scan.envelopeSha256 === promised.envelopeSha256 && scan.envelopeBytes === promised.envelopeBytes;
  if (!isSame) return failed('stored_bytes_differ');
  if (scan.header === undefined) return failed('storage_unreadable', scan.problem);
  if (scan.header.recipientInfosSha256 !== promised.recipientInfosSha256) return failed('header_differs');
  return undefined;
}

/** What the content says against the promises, when the stored bytes and the key are right. */
export function judgeContent(
  { content }: EnvelopeScan,
  promised: Promised,
): OpenFailure | { list: OpenedList; contentBytes: number; contentCommit: string } {
  if (!content?.isAuthentic) return failed('tag_mismatch');
  if (content.contentCommit !== promised.contentCommit) return failed('content_mismatch');
  const { list, contentBytes, contentCommit } = content;
  if ('problem' in list) return failed('archive_invalid', list.problem);
  if (list.openingListCommit !== promised.openingListCommit) return failed('opening_list_mismatch');
  if (list.openingList.creditCode !== promised.iss) return failed('opening_list_mismatch', 'other_credit_code');
  if (list.openingList.lotId !== promised.lotId) return failed('opening_list_mismatch', 'other_lot');
  return { list, contentBytes, contentCommit };
}

async function scanStored(
  path: string,
  isRight: (recipientInfosSha256: string) => boolean,
  cek: Uint8Array,
): Promise<EnvelopeScan | OpenFailure> {
  try {
    return await scanEnvelope(readChunks(path), {
      cekFor: (header) => (isRight(header.recipientInfosSha256) ? cek : undefined),
    });
  } catch (error) {
    if (isStorageError(error)) return failed('storage_unreadable', error.code);
    throw error;
  }
}
