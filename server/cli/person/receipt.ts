/** The platform's receipts as a person checks them: signature by the key the ledger lists, then word for word against what was sent. */
import { openListedReceipt } from '../../client/bid-receipt.ts';
import type { ListedReceiptKey } from '../../client/ledger-keys.ts';
import type { JsonObject } from '../../core/log/canonical.ts';
import { isReceiptPayload, RECEIPT_TYPE, type ReceiptPayload } from '../../core/seal/receipt.ts';
import { findDifference } from '../../core/seal/statement.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { ACT_RECEIPT_TYPE } from '../../recorder/receipts.ts';
import { PersonError } from './person-error.ts';

/**
 * The payload of a receipt of this type, by one of the keys that the ledger lists.
 *
 * Throws: PersonError receipt_not_genuine; also for one that says it is of behind the end of a key that others may have had.
 */
export async function openReceipt(text: string, typ: string, keys: readonly ListedReceiptKey[]): Promise<JsonObject> {
  const payload = await openListedReceipt(verifyEd25519, text, typ, keys);
  if (payload === null) throw new PersonError('receipt_not_genuine');
  return payload;
}

/**
 * A bid's receipt, held against what was sent.
 *
 * Throws: PersonError receipt_not_genuine, receipt_not_as_lodged with the member that differs.
 */
export async function openBidReceipt(
  text: string,
  keys: readonly ListedReceiptKey[],
  expected: Partial<ReceiptPayload>,
): Promise<ReceiptPayload> {
  const payload = await openReceipt(text, RECEIPT_TYPE, keys);
  if (!isReceiptPayload(payload)) throw new PersonError('receipt_not_genuine', 'its content has another form');
  const differing = findDifference<ReceiptPayload>(payload, expected);
  if (differing !== undefined) throw new PersonError('receipt_not_as_lodged', differing);
  return payload;
}

/** The receipt of another act on the register: who, where and what, and when it was received. */
export async function openActReceipt(
  text: string,
  keys: readonly ListedReceiptKey[],
  expected: { readonly iss: string; readonly aud: string; readonly openingId: string; readonly act: string },
): Promise<JsonObject> {
  const payload = await openReceipt(text, ACT_RECEIPT_TYPE, keys);
  const differing = findDifference<JsonObject>(payload, expected);
  if (differing !== undefined) throw new PersonError('receipt_not_as_lodged', differing);
  return payload;
}
