/** A bid's receipt held against what was sent, and which of the platform's refusals end a lodgement. */
import type { JsonObject } from '../core/log/canonical.ts';
import type { Sha256 } from '../core/log/hash.ts';
import type { VerifyEd25519 } from '../core/log/note.ts';
import type { LodgementPayload } from '../core/seal/lodgement.ts';
import { isReceiptPayload, RECEIPT_TYPE, type ReceiptPayload } from '../core/seal/receipt.ts';
import { openReceiptJws, type ReceiptKey } from '../core/seal/receipt-key.ts';
import { findDifference, payloadSha256 } from '../core/seal/statement.ts';
import type { ApiError } from './transport.ts';

/** What a receipt must say of a lodgement. */
export function receiptOf(sha256: Sha256, payload: LodgementPayload): Partial<ReceiptPayload> {
  const { aud, iss, openingId, lotId, bidId, replaces, envelopeSha256, envelopeBytes, recipientInfosSha256 } = payload;
  return {
    iss: aud,
    aud: iss,
    openingId,
    lotId,
    bidId,
    act: replaces === undefined ? 'lodged' : 'replaced',
    ...(replaces !== undefined && { replaces }),
    statementSha256: payloadSha256(sha256, payload),
    envelopeSha256,
    envelopeBytes,
    recipientInfosSha256,
  };
}

/** What a receipt must say of a withdrawal, whose own statement it does not name. */
export function withdrawalReceiptOf(payload: LodgementPayload): Partial<ReceiptPayload> {
  const { aud, iss, openingId, lotId, bidId, envelopeSha256, envelopeBytes, recipientInfosSha256 } = payload;
  const same = { openingId, lotId, bidId, envelopeSha256, envelopeBytes, recipientInfosSha256 };
  return { iss: aud, aud: iss, act: 'withdrawn', ...same };
}

export type CheckedReceipt =
  | { readonly receipt: ReceiptPayload }
  /** `detail`: the member that differs, or what is wrong with the form. */
  | { readonly fault: 'receipt_not_genuine' | 'receipt_not_as_lodged'; readonly detail: string };

/** A key that the ledger lists, and when it was given up because others may have had it. */
export type UsableReceiptKey = ReceiptKey & { readonly goodUntil: string | null };

/** The payload of a receipt of this type by one of the keys; null also for one that says it is of behind the end of such a key. */
export async function openListedReceipt(
  verifyEd25519: VerifyEd25519,
  text: string,
  typ: string,
  keys: readonly UsableReceiptKey[],
): Promise<JsonObject | null> {
  for (const key of keys) {
    const payload = await openReceiptJws(verifyEd25519, text, typ, key);
    const receivedAt = payload?.['receivedAt'];
    const isBehind = key.goodUntil !== null && !(typeof receivedAt === 'string' && receivedAt < key.goodUntil);
    if (payload !== null && !isBehind) return payload;
  }
  return null;
}

/** Signature by one of the keys the ledger lists, then word for word. */
export async function checkBidReceipt(
  verifyEd25519: VerifyEd25519,
  text: string,
  keys: readonly UsableReceiptKey[],
  expected: Partial<ReceiptPayload>,
): Promise<CheckedReceipt> {
  const payload = await openListedReceipt(verifyEd25519, text, RECEIPT_TYPE, keys);
  if (payload === null) return { fault: 'receipt_not_genuine', detail: '' };
  if (!isReceiptPayload(payload)) return { fault: 'receipt_not_genuine', detail: 'its content has another form' };
  const differing = findDifference<ReceiptPayload>(payload, expected);
  return differing === undefined ? { receipt: payload } : { fault: 'receipt_not_as_lodged', detail: differing };
}

/** Refusals after which the same statement may still be lodged. */
const PASSING: readonly string[] = [
  'command_id_reused',
  'upload_broken',
  'upload_offset_differs',
  'upload_incomplete',
  'no_such_upload',
  'too_many_uploads',
];
const FINAL_STATUSES: readonly number[] = [400, 403, 404, 409, 413, 422];

/** A refusal of the platform, after which this very statement cannot stand; anything else may pass, and so may what a proxy says without a reason. */
export function endsLodgement({ status, code }: ApiError): boolean {
  if (code === 'unreadable') return false;
  return code === 'upload_withdrawn' || (FINAL_STATUSES.includes(status) && !PASSING.includes(code));
}
