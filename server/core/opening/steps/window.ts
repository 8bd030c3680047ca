// The decryption window: opened by the host, half-open [opensAt, closesAt), ended by the clock once every act in it is decided; a blind one before anything in it is.
import { formatInstant } from '../../log/instant.ts';
import { needed, type Step } from '../decision.ts';
import type { EventBody, NewEvent } from '../events.ts';
import type { Facts } from '../facts.ts';
import { DECRYPTION_FAULTS } from '../findings.ts';
import { blindRules, isKeyGiven, isWindowBlind, shareDealtTo } from '../layer.ts';
import { refuse } from '../refusals.ts';
import { type Bid, bidOf, isDecrypted, isGivenUp, isUndecided, type OpeningState } from '../state.ts';
import { isDrawOpen } from './drawing.ts';
import { proposals, timeForShares } from './layer.ts';

/** Tries one bidder has in the window: enough for every token and reader in the office, too few to load the vault. */
export const MAX_DECRYPTION_ATTEMPTS = 20;

/**
 * Where a moment stands to the decryption window.
 *
 * Shape:   half-open [opensAt, closesAt): at exactly closesAt the window is over.
 * Units:   integer ms, the recorder's clock, never the browser's.
 * Asserts: opensAt < closesAt (evolve).
 * Source:  20号令 art. 30–31; policy.decryptionWindowMs.
 */
export function standingOf(
  window: { readonly opensAt: number; readonly closesAt: number },
  at: number,
): 'before' | 'open' | 'after' {
  if (at < window.opensAt) return 'before';
  return at < window.closesAt ? 'open' : 'after';
}

function windowOf(state: OpeningState): NonNullable<OpeningState['window']> {
  return needed(state.window, 'the window');
}

export const openWindow: Step<'OpenWindow'> = (state, _command, facts) => {
  if (isDrawOpen(state)) return refuse('draw_not_done');
  const { kid, windowKey, holders } = windowKeyOf(state, facts);
  return {
    events: [
      {
        type: 'WindowOpened',
        body: {
          kid,
          windowKey,
          holders: [...holders],
          opensAt: formatInstant(facts.at),
          closesAt: formatInstant(facts.at + state.policy.decryptionWindowMs),
        },
        fields: {},
      },
    ],
  };
};

type WindowKeyHeld = Pick<EventBody<'WindowOpened'>, 'kid' | 'windowKey'> & { readonly holders: readonly string[] };

/** The key of this window and who holds its private half: the platform, or under a blind window those to whom it was dealt. */
function windowKeyOf(state: OpeningState, facts: Pick<Facts, 'windowKey'>): WindowKeyHeld {
  if (blindRules(state.policy) === null) {
    const { kid, jwk } = needed(facts.windowKey, 'the window key');
    return { kid, windowKey: jwk, holders: ['platform'] };
  }
  const { kid, key } = needed(state.layer.key?.windowKey ?? null, 'the window key that was dealt');
  return { kid, windowKey: key, holders: holdersOf(state) };
}

/** Who holds the window key, in the words of the log: `platform`, or each holder's role and number. */
export function holdersOf({ policy, layer }: Pick<OpeningState, 'policy' | 'layer'>): readonly string[] {
  if (blindRules(policy) === null) return ['platform'];
  return layer.holders
    .filter(({ holder }) => shareDealtTo(layer, holder) !== undefined)
    .map(({ holder, role }) => `${role} ${holder}`);
}

/** An extension needs a reason, comes before the end and applies to all alike. */
export const extendWindow: Step<'ExtendWindow'> = (state, { data }, facts) => {
  const window = windowOf(state);
  if (standingOf(window, facts.receivedAt) !== 'open') return refuse('window_is_over');
  if (window.extendedMs + data.extraMs > state.policy.maxExtensionMs) return refuse('extension_exceeds_policy');
  const closesAt = formatInstant(window.closesAt + data.extraMs);
  return {
    events: [{ type: 'WindowExtended', body: { closesAt, extraMs: data.extraMs, reason: data.reason }, fields: {} }],
  };
};

export const endWindowEarly: Step<'EndWindowEarly'> = (state, _command, facts) => {
  const window = windowOf(state);
  if (standingOf(window, facts.receivedAt) !== 'open') return refuse('window_is_over');
  if (!state.bids.every((bid) => isDone(state, bid))) return refuse('window_running');
  // received in time and decided a little later: never dated beyond the end itself
  const at = Math.min(facts.at, window.closesAt);
  const shares = timeForShares(state, facts);
  const why = isWindowBlind(state) ? 'all_received' : 'all_decrypted';
  return { events: [windowClosed(at, why, shares)] };
};

/**
 * Has its bidder nothing left to do in the window?
 *
 * Why: of a blind window nobody can say more than that a decryption of each bid was received. Its bidder's own client has held the
 *      content key against the promise before it sent it; what is left is what a bidder did on purpose.
 */
export function isDone(state: OpeningState, bid: Bid): boolean {
  return isDecrypted(bid) || isGivenUp(bid) || (isWindowBlind(state) && isUndecided(bid));
}

function windowClosed(
  at: number,
  why: EventBody<'WindowClosed'>['why'],
  shares: ReturnType<typeof timeForShares>,
): NewEvent {
  return { type: 'WindowClosed', body: { effectiveAt: formatInstant(at), why, ...shares }, fields: {} };
}

/** The bidder's client signs that the challenge reached it: evidence that silence later is the bidder's own. */
export const acknowledgeChallenge: Step<'AcknowledgeChallenge'> = (state, { data, actor }) => {
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (data.kid !== windowOf(state).kid) return refuse('wrong_window_key');
  if (bid.challengeAcknowledged) return { events: [] };
  return { events: [{ type: 'ChallengeAcknowledged', body: { bidder: bid.bidder, kid: data.kid }, fields: {} }] };
};

/** The receipt of the act counts, whatever the queue does afterwards: judged by `receivedAt` alone (domain §2). */
export const decryptBid: Step<'DecryptBid'> = (state, { data, actor }, facts) => {
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  const standing = standingOf(windowOf(state), facts.receivedAt);
  if (standing !== 'open') return refuse(standing === 'before' ? 'window_not_open' : 'window_is_over');
  if (isDecrypted(bid)) return refuse('already_decrypted');
  if (bid.revokedAt !== null) return refuse('bid_was_revoked');
  // nobody can say before the end whether one was right: another may be sent beside it, and the first that opens counts
  if (isUndecided(bid) && !isWindowBlind(state)) return refuse('attempt_undecided');
  if (bid.attempts.length >= MAX_DECRYPTION_ATTEMPTS) return refuse('too_many_attempts');
  const body = { bidder: bid.bidder, attempt: bid.attempts.length + 1, jweSha256: data.jweSha256 };
  return { events: [{ type: 'DecryptionReceived', body, fields: {} }] };
};

/** What the vault found of one decryption: of several of one bid in the order in which they were received. */
export const recordDecryption: Step<'RecordDecryption'> = (state, { data }) => {
  const { bidder, attempt, failure } = data;
  if (nextAttempt(bidOf(state, bidder)) !== attempt) return refuse('no_such_attempt');
  if (isWindowBlind(state)) return refuse('shares_missing');
  // that holders gave no key can be found only where there are some, and of shares that are in
  if (failure === 'window_key_not_given' && !isKeyGiven(state)) return refuse('shares_missing');
  if (failure === null) return { events: [{ type: 'BidDecrypted', body: { bidder, attempt }, fields: {} }] };
  const body = { bidder, attempt, failure, fault: DECRYPTION_FAULTS[failure] };
  return { events: [{ type: 'DecryptionFailed', body, fields: {} }] };
};

/** The attempt of this bid that is decided next; undefined when none waits. */
export function nextAttempt(bid: Bid | undefined): number | undefined {
  return bid?.attempts.find(({ outcome }) => outcome === 'undecided')?.attempt;
}

/** Does an end wait for the vault? Not while the key is still with its holders: what was received is decided behind that end then. */
export function isAnyUndecided(state: OpeningState): boolean {
  return !isWindowBlind(state) && state.bids.some(isUndecided);
}

/** A refused attempt that the law cares about stands on the log once for each kind and try; who and act come from its intake. */
export const recordRefusedAttempt: Step<'RecordRefusedAttempt'> = (state, { data }) => {
  if (bidOf(state, data.bidder) === undefined) return refuse('no_such_bidder');
  return { events: [{ type: 'AttemptRefused', body: data, fields: {} }] };
};

/**
 * The end of the window: only after every act received before it has been decided, and then as of its exact end.
 *
 * Source: 20号令 art. 30–31. The proposals of attribution are part of the same commit, where no bid waits for the holders of a key.
 */
export const closeWindow: Step<'CloseWindow'> = (state, _command, facts) => {
  const window = windowOf(state);
  if (standingOf(window, facts.at) !== 'after') return refuse('before_its_time');
  if (facts.undecided > 0 || isAnyUndecided(state)) return refuse('acts_still_undecided');
  const shares = timeForShares(state, facts);
  const next = shares.sharesBy === undefined ? proposals(state) : [];
  return { events: [windowClosed(window.closesAt, 'time', shares), ...next] };
};
