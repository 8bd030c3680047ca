/** What the acts ask for that only a bidder gives, when its bid did not open or it gives it up: contesting, remedying, revoking. */
import { isHalfOpen, isWindowBlind } from '../../server/core/opening/layer.ts';
import { type Bid, bidOf, isDecrypted, isGivenUp, isUndecided, verdictOf } from '../../server/core/opening/state.ts';
import { MAX_CONTESTS } from '../../server/core/opening/steps/attribution.ts';
import { MAX_BACKUPS } from '../../server/core/opening/steps/remedy.ts';
import type { Shaping, Standpoint } from './act-rows.ts';

function ownBid({ state, bidder }: Standpoint): Bid | undefined {
  return bidder === null ? undefined : bidOf(state, bidder);
}

/** A ruling stands, and this bidder has not contested it already or as often as it may. */
export const contestRuling: Shaping = (standpoint) => {
  const own = ownBid(standpoint);
  const isOpen = own !== undefined && !isGivenUp(own) && verdictOf(own) !== null && !own.contestOpen;
  return isOpen && own.contests < MAX_CONTESTS ? { fields: [{ name: 'reason', kind: 'text' }] } : null;
};

/** The remedy runs, and is for this bid. */
export const submitBackup: Shaping = (standpoint) => {
  const { state } = standpoint;
  const own = ownBid(standpoint);
  const { remedy } = state;
  if (own === undefined || remedy === null || remedy.closedAt !== null) return null;
  if (!remedy.bids.includes(own.bidder) || isDecrypted(own) || isGivenUp(own)) return null;
  if (isUndecided(own) && !isWindowBlind(state)) return null;
  if (own.attempts.filter(({ receivedAt }) => receivedAt >= remedy.opensAt).length >= MAX_BACKUPS) return null;
  return {
    fields: [
      { name: 'bidFile', kind: 'file' },
      { name: 'backupFile', kind: 'file', isOptional: true },
    ],
  };
};

export const revokeBid: Shaping = (standpoint) => {
  const own = ownBid(standpoint);
  if (own === undefined || own.revokedAt !== null || isUndecided(own) || isHalfOpen(own)) return null;
  return { fields: [{ name: 'reason', kind: 'text' }] };
};
