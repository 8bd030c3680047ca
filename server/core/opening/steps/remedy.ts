// The remedy: where the policy promised it, bids that did not open are opened with the content key that their bidders kept.
import { formatInstant } from '../../log/instant.ts';
import { needed, type Step } from '../decision.ts';
import { isWindowBlind } from '../layer.ts';
import { refuse } from '../refusals.ts';
import { isRemediable, leftToRemedy, type Remedy } from '../remedy.ts';
import { bidOf, isDecrypted, isGivenUp, isUndecided, type OpeningState } from '../state.ts';
import { timeForShares } from './layer.ts';
import { isAnyUndecided, standingOf } from './window.ts';

/** Backups one bidder may hand in: a wrong file, and another wrong file. */
export const MAX_BACKUPS = 5;

function remedyOf(state: OpeningState): Remedy {
  return needed(state.remedy, 'the remedy');
}

/** Once in an opening, for all that may be remedied alike: nobody is picked. */
export const openRemedy: Step<'OpenRemedy'> = (state, _command, facts) => {
  if (state.policy.remedy === 'none') return refuse('no_remedy_promised');
  if (state.remedy !== null) return refuse('remedy_used');
  const bids = state.bids.filter(isRemediable).map((bid) => bid.bidder);
  if (bids.length === 0) return refuse('nothing_to_remedy');
  const opensAt = formatInstant(facts.at);
  const closesAt = formatInstant(facts.at + state.policy.remedy.windowMs);
  return { events: [{ type: 'RemedyOpened', body: { opensAt, closesAt, bids }, fields: {} }] };
};

/**
 * The content key that the bidder kept, sealed to the window key.
 *
 * Source: domain §2: accepted only when it equals the commitment made before the deadline (`cekCommit` of the lodgement).
 * Why:    the key and not a plaintext: `contentCommit` is keyed with the content key, so whoever could prove a plaintext holds the
 *         key, and the key opens what was lodged, byte for byte; nothing is taken that was not there at the deadline.
 */
export const submitBackup: Step<'SubmitBackup'> = (state, { data, actor }, facts) => {
  const remedy = remedyOf(state);
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (standingOf(remedy, facts.receivedAt) !== 'open') return refuse('remedy_is_over');
  if (isDecrypted(bid)) return refuse('already_decrypted');
  if (isGivenUp(bid) || !remedy.bids.includes(bid.bidder)) return refuse('not_in_the_remedy');
  if (isUndecided(bid) && !isWindowBlind(state)) return refuse('attempt_undecided');
  if (bid.attempts.filter((a) => a.receivedAt >= remedy.opensAt).length >= MAX_BACKUPS)
    return refuse('too_many_attempts');
  const body = { bidder: bid.bidder, attempt: bid.attempts.length + 1, jweSha256: data.jweSha256 };
  return { events: [{ type: 'BackupReceived', body, fields: {} }] };
};

/** Back to attribution: at the end, or as soon as nothing is left to be opened; what was received before is decided first. */
export const closeRemedy: Step<'CloseRemedy'> = (state, _command, facts) => {
  const remedy = remedyOf(state);
  const isAllOpen = leftToRemedy(state).length === 0;
  if (standingOf(remedy, facts.at) !== 'after' && !isAllOpen) return refuse('before_its_time');
  if (facts.undecided > 0 || isAnyUndecided(state)) return refuse('acts_still_undecided');
  const effectiveAt = formatInstant(Math.min(facts.at, remedy.closesAt));
  const body = { effectiveAt, ...timeForShares(state, facts) };
  return { events: [{ type: 'RemedyClosed', body, fields: {} }] };
};
