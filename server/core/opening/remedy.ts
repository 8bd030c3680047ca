// A remedy 补救 as it stands: a second window, promised by the policy, for bids that did not open and whose bidders kept the key.
import { type Bid, isDecrypted, isGivenUp, type OpeningState, verdictOf } from './state.ts';

export type Remedy = {
  /** Integer ms, half-open [opensAt, closesAt). */
  readonly opensAt: number;
  readonly closesAt: number;
  /** The bids it is for, by number. */
  readonly bids: readonly number[];
  readonly closedAt: number | null;
};

/**
 * May this bid be remedied?
 *
 * Why: not one that was opened, nor one its bidder gave up, nor one that both have ruled deemed revoked: that is the bidder's own failure
 *      and decided (20号令31). What was ruled deemed withdrawn, or unknown, or not yet, may still be opened.
 */
export function isRemediable(bid: Bid): boolean {
  return !isDecrypted(bid) && !isGivenUp(bid) && verdictOf(bid) !== 'deemed_revoked';
}

/** The remedy's bids that are not open yet. */
export function leftToRemedy({ bids, remedy }: Pick<OpeningState, 'bids' | 'remedy'>): readonly Bid[] {
  return bids.filter((bid) => remedy?.bids.includes(bid.bidder) === true && !isDecrypted(bid) && !isGivenUp(bid));
}
