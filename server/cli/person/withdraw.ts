/** Withdrawing the bid that stands, before the deadline; the receipt says so, and the folder no longer holds it for standing. */
import { withdrawalReceiptOf } from '../../client/bid-receipt.ts';
import type { ReceiptPayload } from '../../core/seal/receipt.ts';
import { act } from './act.ts';
import { readStanding } from './lodge.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { openBidReceipt } from './receipt.ts';

/**
 * Withdraws the standing bid.
 *
 * Throws: PersonError no_kept_bid, receipt_missing, receipt_not_genuine, receipt_not_as_lodged; ApiError.
 */
export async function withdraw(
  person: Person,
  openingId: string,
): Promise<{ readonly receipt: ReceiptPayload; readonly actId: string | null }> {
  const standing = await readStanding(person, openingId);
  if (standing === null) throw new PersonError('no_kept_bid');
  const { bidId } = standing.payload;
  const { answer } = await act(person, openingId, { type: 'WithdrawBid', role: 'bidder', data: { bidId } });
  if (answer.receipt === null) throw new PersonError('receipt_missing');
  await person.folder.keepEvidence(openingId, `withdrawal-${bidId}.jws`, answer.receipt);
  const receipt = await openBidReceipt(
    answer.receipt,
    await person.receiptKeys(),
    withdrawalReceiptOf(standing.payload),
  );
  await person.folder.setStanding(openingId, null);
  return { receipt, actId: answer.actId };
}
