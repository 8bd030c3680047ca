// Revocation 撤销: a bidder takes its bid back after the deadline, by its own key and with what that costs it.
import type { Step } from '../decision.ts';
import { isHalfOpen } from '../layer.ts';
import { refuse } from '../refusals.ts';
import { bidOf, isUndecided } from '../state.ts';

/**
 * From the roster on, for only then may anyone know that there is a bid to revoke.
 *
 * Source: 条例35: the tenderer may keep the bid bond of a bid revoked after the deadline. Nothing here decides that it does.
 * Why:    an act received earlier goes first: while a decryption is being checked, or waits for the holders of the opening
 *         key, the bidder waits for what becomes of it. A bid that is
 *         open stays open and announced, and the revocation is recorded beside it; one that is not is never opened and never ruled on.
 */
export const revokeBid: Step<'RevokeBid'> = (state, { data, actor }) => {
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (bid.revokedAt !== null) return refuse('bid_was_revoked');
  if (isUndecided(bid) || isHalfOpen(bid)) return refuse('attempt_undecided');
  return { events: [{ type: 'BidRevoked', body: { bidder: bid.bidder }, fields: { reason: data.reason } }] };
};
