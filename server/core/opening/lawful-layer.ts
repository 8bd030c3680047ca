// Whether the rules allowed an event of a key held in shares, for a reader who has only the log: times, turns and parties; digests are the audit's.
import { formatInstant } from '../log/instant.ts';
import type { LoggedEvent } from './events.ts';
import type { LayerEvent } from './evolve-layer.ts';
import { DECRYPTION_FAULTS } from './findings.ts';
import {
  isHalfOpen,
  isKeyGiven,
  isWindowBlind,
  missingHolders,
  shareDealtTo,
  sharingRules,
  waitingBids,
} from './layer.ts';
import { bidOf, type OpeningState } from './state.ts';
import { areSharesFor, isKeyFor, isShareKeyWanted } from './steps/layer.ts';
import { nextAttempt, standingOf } from './steps/window.ts';

/** Are shares asked for exactly when a bid waits for them, and for as long as was promised? */
export function isTimeForShares(
  before: OpeningState,
  { at, body }: { readonly at: number; readonly body: { readonly sharesBy?: string; readonly shareKey?: unknown } },
): boolean {
  const rules = sharingRules(before.policy);
  const isWanted = rules !== null && waitingBids(before).length > 0;
  const isKeyAsWanted = (body.shareKey !== undefined) === isShareKeyWanted(before);
  return isKeyAsWanted && body.sharesBy === (isWanted ? formatInstant(at + rules.windowMs) : undefined);
}

/** Was this decryption the next to be decided, by whoever may, and was there a key to decide it with? */
export function isLawfulOutcome(
  before: OpeningState,
  { at, body }: Extract<LoggedEvent, { type: 'BidDecrypted' | 'DecryptionFailed' }>,
  role: string,
): boolean {
  if (nextAttempt(bidOf(before, body.bidder)) !== body.attempt) return false;
  const isBlind = isWindowBlind(before);
  if (!('failure' in body)) return !isBlind && role === 'platform';
  const { failure, fault } = body;
  if (fault !== DECRYPTION_FAULTS[failure]) return false;
  if (role === 'platform') return !isBlind && (failure !== 'window_key_not_given' || isKeyGiven(before));
  const isOver = before.phase === 'TendererDecrypting' && at >= (before.layer.unsealing?.closesAt ?? at + 1);
  return failure === 'window_key_not_given' && isBlind && isOver;
}

/** As `isLawful`, of an event of a key held in shares. */
export function isLawfulLayer(before: OpeningState, event: LayerEvent, role: string): boolean {
  const rules = sharingRules(before.policy);
  if (rules === null) return false;
  const { layer } = before;
  switch (event.type) {
    case 'HolderKeyOffered':
      return event.body.role === role;
    case 'OpeningKeyDealt':
      return (
        event.body.threshold === rules.threshold &&
        areSharesFor(before, event.body.shares, rules) &&
        isKeyFor(before.policy, event.body)
      );
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
      const { effectiveAt, why, missing } = event.body;
      const closesAt = layer.unsealing?.closesAt ?? 0;
      if (effectiveAt !== formatInstant(Math.min(event.at, closesAt))) return false;
      if (isKeyGiven(before)) return why === 'all_decided' && missing === undefined;
      return why === 'shares_missing' && missing?.join() === missingHolders(layer).join();
    }
  }
}
