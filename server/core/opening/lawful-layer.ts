// Whether the rules allowed an event of the second layer, for a reader who has only the log: times, turns and parties; digests are the audit's.
import { formatInstant } from '../log/instant.ts';
import { DECRYPTION_FAULTS } from './commands.ts';
import type { LayerEvent } from './evolve-layer.ts';
import { halfOpenBids, isHalfOpen, isKeyGiven, layerRules, shareDealtTo } from './layer.ts';
import { bidOf, type OpeningState } from './state.ts';
import { areSharesFor } from './steps/layer.ts';
import { standingOf } from './steps/window.ts';

/** Are shares asked for exactly when a bid waits for them, and for as long as was promised? */
export function isTimeForShares(
  before: OpeningState,
  { at, body }: { readonly at: number; readonly body: { readonly sharesBy?: string } },
): boolean {
  const rules = layerRules(before.policy);
  const isWanted = rules !== null && halfOpenBids(before).length > 0;
  return body.sharesBy === (isWanted ? formatInstant(at + rules.windowMs) : undefined);
}

/** As `isLawful`, of an event of the second layer. */
export function isLawfulLayer(before: OpeningState, event: LayerEvent, role: string): boolean {
  const rules = layerRules(before.policy);
  if (rules === null) return false;
  const { layer } = before;
  switch (event.type) {
    case 'HolderKeyOffered':
      return event.body.role === role;
    case 'OpeningKeyDealt':
      return event.body.threshold === rules.threshold && areSharesFor(before, event.body.shares, rules);
    case 'ShareAcknowledged':
      return shareDealtTo(layer, event.body.holder) !== undefined;
    case 'LayerShareGiven':
    case 'LayerShareRefused': {
      const { unsealing } = layer;
      const dealt = shareDealtTo(layer, event.body.holder);
      const isTaken = event.type === 'LayerShareGiven';
      const isOther = dealt?.commitment !== event.body.commitment;
      const isAsSaid = isTaken ? !isOther : isOther === (event.body.why === 'other_commitment');
      const isInTime = unsealing !== null && standingOf(unsealing, event.receivedAt ?? event.at) !== 'after';
      return dealt !== undefined && isAsSaid && isInTime && !isKeyGiven(before);
    }
    case 'LayerOpened': {
      const bid = bidOf(before, event.body.bidder);
      return isKeyGiven(before) && bid !== undefined && isHalfOpen(bid);
    }
    case 'LayerFailed': {
      const { failure, fault, bidder } = event.body;
      const bid = bidOf(before, bidder);
      if (bid === undefined || !isHalfOpen(bid) || fault !== DECRYPTION_FAULTS[failure]) return false;
      if (role === 'platform') return isKeyGiven(before);
      return failure === 'layer_not_opened' && !isKeyGiven(before) && event.at >= (layer.unsealing?.closesAt ?? 0);
    }
    case 'UnsealingClosed': {
      const { effectiveAt, why } = event.body;
      const closesAt = layer.unsealing?.closesAt ?? 0;
      if (effectiveAt !== formatInstant(Math.min(event.at, closesAt))) return false;
      return why === (isKeyGiven(before) ? 'all_decided' : 'shares_missing');
    }
  }
}
