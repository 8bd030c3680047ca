/** Checking in: the bidder is there; repeated, it is the same check-in. */
import type { JsonObject } from '../../core/log/canonical.ts';
import { act } from './act.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { openActReceipt } from './receipt.ts';

/**
 * Checks in.
 *
 * Returns: the receipt; null when the person had checked in before, for the first one's receipt stands.
 * Throws:  ApiError; PersonError receipt_not_genuine, receipt_not_as_lodged.
 */
export async function checkIn(person: Person, openingId: string): Promise<JsonObject | null> {
  return registerAct(person, openingId, { type: 'CheckIn', event: 'CheckedIn', data: {} });
}

/** An act on the register that is not about a bid's bytes, with its receipt; null when the platform gave none. */
export async function registerAct(
  person: Person,
  openingId: string,
  { type, event, data }: { readonly type: string; readonly event: string; readonly data: JsonObject },
): Promise<JsonObject | null> {
  const { answer } = await act(person, openingId, { type, role: 'bidder', data });
  if (answer.receipt === null) {
    if (type === 'CheckIn') return null;
    throw new PersonError('receipt_missing');
  }
  const name = `${event}-${answer.actId ?? 'act'}.jws`;
  await person.folder.keepEvidence(openingId, name, answer.receipt);
  const expected = { iss: person.platform, aud: person.creditCode, openingId, act: event };
  return openActReceipt(answer.receipt, await person.receiptKeys(), expected);
}
