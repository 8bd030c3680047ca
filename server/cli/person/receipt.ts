/** The platform's receipts as a person checks them: signature by the key the ledger lists, then word for word against what was sent. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import { toBase64Url } from '../../core/log/base64.ts';
import { canonicalise, isJsonObject, type Json, type JsonObject } from '../../core/log/canonical.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { isReceiptPayload, RECEIPT_TYPE, type ReceiptPayload } from '../../core/seal/receipt.ts';
import { findDifference } from '../../core/seal/statement.ts';
import { sha256 } from '../../hash.ts';
import { ACT_RECEIPT_TYPE } from '../../recorder/receipts.ts';
import { PersonError } from './person-error.ts';

/** The platform's Ed25519 key for receipts; `kid` is its RFC 7638 thumbprint. */
export type ReceiptKey = { readonly kid: string; readonly publicKey: KeyObject };

/** The key from its 32 bytes, as the ledger lists it. */
export function receiptKeyOf(bytes: Uint8Array): ReceiptKey {
  const jwk = { crv: 'Ed25519', kty: 'OKP', x: toBase64Url(bytes) };
  return { kid: toBase64Url(sha256(utf8(canonicalise(jwk)))), publicKey: createPublicKey({ key: jwk, format: 'jwk' }) };
}

/**
 * The payload of a receipt of this type.
 *
 * Throws: PersonError receipt_not_genuine.
 */
export async function openReceipt(text: string, typ: string, key: ReceiptKey): Promise<JsonObject> {
  try {
    const { payload, protectedHeader } = await compactVerify(text, key.publicKey, { algorithms: ['EdDSA'] });
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Json;
    if (protectedHeader.typ === typ && protectedHeader.kid === key.kid && isJsonObject(value)) return value;
  } catch (error) {
    if (!(error instanceof errors.JOSEError || error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new PersonError('receipt_not_genuine');
}

/**
 * A bid's receipt, held against what was sent.
 *
 * Throws: PersonError receipt_not_genuine, receipt_not_as_lodged with the member that differs.
 */
export async function openBidReceipt(
  text: string,
  key: ReceiptKey,
  expected: Partial<ReceiptPayload>,
): Promise<ReceiptPayload> {
  const payload = await openReceipt(text, RECEIPT_TYPE, key);
  if (!isReceiptPayload(payload)) throw new PersonError('receipt_not_genuine', 'its content has another form');
  const differing = findDifference<ReceiptPayload>(payload, expected);
  if (differing !== undefined) throw new PersonError('receipt_not_as_lodged', differing);
  return payload;
}

/** The receipt of another act on the register: who, where and what, and when it was received. */
export async function openActReceipt(
  text: string,
  key: ReceiptKey,
  expected: { readonly iss: string; readonly aud: string; readonly openingId: string; readonly act: string },
): Promise<JsonObject> {
  const payload = await openReceipt(text, ACT_RECEIPT_TYPE, key);
  const differing = findDifference<JsonObject>(payload, expected);
  if (differing !== undefined) throw new PersonError('receipt_not_as_lodged', differing);
  return payload;
}
