// A key held in shares, of a second layer or of a blind window: before publication it is dealt to its holders, after the window k of them give their shares back.
import { canonicalise } from '../../log/canonical.ts';
import { formatInstant } from '../../log/instant.ts';
import { evidenceOf, proposeVerdict } from '../attribution.ts';
import type { CommandData } from '../commands.ts';
import { needed, type Step } from '../decision.ts';
import type { NewEvent } from '../events.ts';
import type { Facts } from '../facts.ts';
import { DECRYPTION_FAULTS, type DecryptionFailure } from '../findings.ts';
import {
  blindRules,
  isHalfOpen,
  isKeyGiven,
  missingHolders,
  type NamedKey,
  shareDealtTo,
  sharingRules,
  waitingBids,
  withKeyNotGiven,
  withLayerFailed,
} from '../layer.ts';
import { HOLDING_ROLES, MAX_OFFERS } from '../layer-commands.ts';
import type { ShareFault } from '../layer-events.ts';
import type { LayerRules, Policy } from '../policy.ts';
import { type RefusalCode, refuse } from '../refusals.ts';
import { holds } from '../staff.ts';
import { type Bid, bidOf, isDecrypted, isGivenUp, type OpeningState } from '../state.ts';
import { standingOf } from './window.ts';

/** Wrong shares one holder may send: every file on the desk, and no flood of entries. */
export const MAX_WRONG_SHARES = 5;

/**
 * A holder offers a key of its own, to which its share will be sealed; offering again replaces it, and voids what was dealt.
 *
 * Why: a fresh key from the holder's own machine and not its CA certificate: encryption certificates are escrowed at the CA, and
 *      the second layer is there so that CA and platform together cannot read a bid.
 */
export const offerHolderKey: Step<'OfferHolderKey'> = (state, { data, actor }, facts) => {
  if (sharingRules(state.policy) === null) return refuse('no_layer_promised');
  const { holders } = state.layer;
  const holder = facts.ownHolder ?? holders.length + 1;
  if (holder > MAX_OFFERS) return refuse('too_many_holders');
  const { crv, kty, x, y } = data.key;
  const kid = facts.digest(canonicalise({ crv, kty, x, y }));
  const role = needed(HOLDING_ROLES.find((name) => name === actor.role) ?? null, 'a role that may hold a share');
  return { events: [{ type: 'HolderKeyOffered', body: { holder, role, kid, key: data.key }, fields: {} }] };
};

/** An opening key, made on the dealer's own machine; the platform sees what the log says of it and no more. */
export const dealOpeningKey: Step<'DealOpeningKey'> = (state, { data }, facts) => {
  const rules = sharingRules(state.policy);
  if (rules === null) return refuse('no_layer_promised');
  if (!areSharesFor(state, data.shares, rules)) return refuse('not_for_these_holders');
  if (!isKeyFor(state.policy, data)) return refuse('opening_key_not_in_form');
  const { sha256, isInForm } = needed(facts.openingKey, 'what the public half of the opening key is');
  if (!isInForm) return refuse('opening_key_not_in_form');
  const named = data.certificate === undefined ? { kid: sha256 } : { certSha256: sha256 };
  const body = { ...data, ...named, threshold: rules.threshold };
  return { events: [{ type: 'OpeningKeyDealt', body, fields: {} }] };
};

/** A certificate for a second layer, which outlives the opening in files; a bare key for a window, which ends with it. Exactly one of the two. */
export function isKeyFor(
  policy: Policy,
  { certificate, windowKey }: Pick<CommandData<'DealOpeningKey'>, 'certificate' | 'windowKey'>,
): boolean {
  const isBlind = blindRules(policy) !== null;
  return (windowKey !== undefined) === isBlind && (certificate === undefined) === isBlind;
}

/** One share for each of as many holders as the policy says, no two alike, each to somebody who offered a key. */
export function areSharesFor(
  { layer: { holders } }: Pick<OpeningState, 'layer'>,
  shares: readonly { readonly holder: number; readonly commitment: string }[],
  rules: LayerRules,
): boolean {
  const isEachOnce = new Set(shares.map((s) => s.holder)).size === shares.length;
  const isEachOther = new Set(shares.map((s) => s.commitment)).size === shares.length;
  const isEachOffered = shares.every((s) => holders.some((h) => h.holder === s.holder));
  return shares.length === rules.holders && isEachOnce && isEachOther && isEachOffered;
}

/** A holder has opened its share and held it against its promise; a second time changes nothing. */
export const acknowledgeShare: Step<'AcknowledgeShare'> = (state, { data }, facts) => {
  const { key } = state.layer;
  if (key === null) return refuse('opening_key_not_dealt');
  if (data.secretCommit !== key.secretCommit) return refuse('another_opening_key');
  const holder = facts.ownHolder;
  const mine = holder === null ? undefined : shareDealtTo(state.layer, holder);
  if (holder === null || mine === undefined) return refuse('not_a_holder');
  if (mine.acknowledged) return { events: [] };
  return { events: [{ type: 'ShareAcknowledged', body: { holder, secretCommit: key.secretCommit }, fields: {} }] };
};

/** What stands in the way of publishing, of a key to be held in shares; null when nothing does, or none is promised. */
export function ceremonyHindrance({ policy, layer, staff }: OpeningState): RefusalCode | null {
  if (sharingRules(policy) === null) return null;
  if (layer.key === null) return 'opening_key_not_dealt';
  if (!layer.key.shares.every((share) => share.acknowledged)) return 'shares_not_acknowledged';
  const hasLeft = layer.key.shares.some((share) => {
    const holder = layer.holders.find((one) => one.holder === share.holder);
    if (holder === undefined || !staff.known || !holder.account.known) return false;
    return !holds(staff.value, holder.account.value, holder.role);
  });
  return hasLeft ? 'holder_has_left' : null;
}

/** What the end of a window or a remedy says of shares: until when, or nothing where no bid waits for them. */
export function timeForShares(
  state: OpeningState,
  { at, windowKey }: Pick<Facts, 'at' | 'windowKey'>,
): { readonly sharesBy?: string; readonly shareKey?: NamedKey } {
  const rules = sharingRules(state.policy);
  if (rules === null || waitingBids(state).length === 0) return {};
  const sharesBy = formatInstant(at + rules.windowMs);
  if (!isShareKeyWanted(state)) return { sharesBy };
  const { kid, jwk } = needed(windowKey, 'a key to seal shares to');
  return { sharesBy, shareKey: { kid, key: jwk } };
}

/**
 * Is a key named, with the end of this window or remedy, to which the holders of the window key seal their shares?
 *
 * Why: made only then, and not with the window: before its end there is nothing that a share could be sealed to, so the platform can
 *      hold none too early, not even of a holder who would.
 */
export function isShareKeyWanted(state: OpeningState): boolean {
  return blindRules(state.policy) !== null && state.layer.shareKey === null && waitingBids(state).length > 0;
}

/**
 * A holder gives its share, sealed to the platform's key; what is not as dealt goes on the log under the holder's number and may be
 * sent again.
 *
 * Why: sealed and not in clear, so that shares on the log never add up to a key for whoever reads it; the vault that could open them
 *      loses that key when the opening ends.
 */
export const unsealLayer: Step<'UnsealLayer'> = (state, { data }, facts) => {
  const { layer } = state;
  const unsealing = needed(layer.unsealing, 'the time for shares');
  const holder = facts.ownHolder;
  const dealt = holder === null ? undefined : shareDealtTo(layer, holder);
  if (holder === null || dealt === undefined) return refuse('not_a_holder');
  if (isKeyGiven(state)) return refuse('shares_complete');
  // The clock began this time: what looks received before it came while the server's clock was set back, and is not late.
  if (standingOf(unsealing, facts.receivedAt) === 'after') return refuse('unsealing_is_over');
  if (layer.given.some((share) => share.holder === holder)) return refuse('share_already_given');
  if (layer.wrong.filter((who) => who === holder).length >= MAX_WRONG_SHARES) return refuse('too_many_attempts');
  const body = { holder, ...data };
  const why = faultOf(data.commitment === dealt.commitment, facts.layerShare);
  if (why === null) return { events: [{ type: 'LayerShareGiven', body, fields: {} }] };
  // shown to who oversees only where it proves something; another opening's share in it would be nobody's to see
  const share = why === 'not_as_committed' ? (facts.layerShare?.share ?? null) : null;
  return { events: [{ type: 'LayerShareRefused', body: { ...body, why }, fields: { share } }] };
};

function faultOf(
  isCommitted: boolean,
  found: { readonly share: string | null; readonly isSound: boolean } | null,
): ShareFault | null {
  if (!isCommitted) return 'other_commitment';
  const { share, isSound } = needed(found, 'whether the share is what was dealt');
  if (isSound) return null;
  return share === null ? 'does_not_open' : 'not_as_committed';
}

/** What the vault found of one bid with the opening key in hand. */
export const recordLayer: Step<'RecordLayer'> = (state, { data }) => {
  const bid = bidOf(state, data.bidder);
  if (bid === undefined || !isHalfOpen(bid)) return refuse('no_such_attempt');
  if (!isKeyGiven(state)) return refuse('shares_missing');
  return { events: [data.failure === null ? layerOpened(bid.bidder) : layerFailed(bid.bidder, data.failure)] };
};

function layerOpened(bidder: number): NewEvent {
  return { type: 'LayerOpened', body: { bidder }, fields: {} };
}

function layerFailed(bidder: number, failure: DecryptionFailure): NewEvent {
  return { type: 'LayerFailed', body: { bidder, failure, fault: DECRYPTION_FAULTS[failure] }, fields: {} };
}

/**
 * The end: as soon as every bid is decided, or when the time is over and too few shares are there.
 *
 * Source: domain §2, TendererDecrypting: a failure here is never the bidder's fault; 20号令31: deemed withdrawn, direct loss may be
 *         claimed. Where the shares are complete, the end waits for the platform's own work.
 */
export const closeUnsealing: Step<'CloseUnsealing'> = (state, _command, facts) => {
  const unsealing = needed(state.layer.unsealing, 'the time for shares');
  const waiting = waitingBids(state);
  const isOver = standingOf(unsealing, facts.at) === 'after';
  if (waiting.length > 0 && !isOver) return refuse('before_its_time');
  if (facts.undecided > 0 || (waiting.length > 0 && isKeyGiven(state))) return refuse('acts_still_undecided');
  const then: OpeningState = {
    ...state,
    bids: state.bids.map((bid) => {
      if (!waiting.includes(bid)) return bid;
      return isHalfOpen(bid) ? withLayerFailed(bid, 'layer_not_opened') : withKeyNotGiven(bid);
    }),
  };
  const effectiveAt = formatInstant(Math.min(facts.at, unsealing.closesAt));
  const ended: NewEvent = {
    type: 'UnsealingClosed',
    body:
      waiting.length === 0
        ? { effectiveAt, why: 'all_decided' }
        : { effectiveAt, why: 'shares_missing', missing: [...missingHolders(state.layer)] },
    fields: {},
  };
  return { events: [...waiting.flatMap(failuresOf), ended, ...proposals(then)] };
};

/** What becomes of a bid whose key did not come: of its second layer, or in a blind window of each decryption that was received. */
function failuresOf(bid: Bid): readonly NewEvent[] {
  if (isHalfOpen(bid)) return [layerFailed(bid.bidder, 'layer_not_opened')];
  const failure = 'window_key_not_given';
  return bid.attempts
    .filter(({ outcome }) => outcome === 'undecided')
    .map(({ attempt }) => {
      const body = { bidder: bid.bidder, attempt, failure, fault: DECRYPTION_FAULTS[failure] } as const;
      return { type: 'DecryptionFailed', body, fields: {} };
    });
}

/** The engine's proposal for every bid that is not open: from what stands on the log. */
export function proposals(state: OpeningState): readonly NewEvent[] {
  return state.bids
    .filter((bid) => !isDecrypted(bid) && !isGivenUp(bid))
    .map((bid): NewEvent => {
      const evidence = evidenceOf(state, bid);
      const body = { bidder: bid.bidder, verdict: proposeVerdict(evidence), evidence };
      return { type: 'AttributionProposed', body, fields: {} };
    });
}
