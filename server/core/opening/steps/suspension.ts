// Suspension and termination: what freezes every window, who may end it, and how two people or a supervisor end the opening.
import { formatInstant } from '../../log/instant.ts';
import { hostSuspensionEndsAt, runningUntil } from '../alarms.ts';
import { needed, type Step } from '../decision.ts';
import type { NewEvent } from '../events.ts';
import type { Facts } from '../facts.ts';
import { refuse } from '../refusals.ts';
import type { OpeningState, Suspension } from '../state.ts';
import { earlyObjections } from './objection.ts';

/**
 * 20号令52, 条例62: the host with a reason, within the policy's total; a supervisor by instruction, without limit.
 *
 * Why: from when it was received, as everything a person does. Decided behind an outage it would otherwise stand in the place of the
 *      outage's own freeze, and a window that ended in between would lose what the platform was away for.
 */
export const suspendOpening: Step<'SuspendOpening'> = (state, { data, actor }, facts) => {
  const cause = actor.role === 'supervisor' ? 'supervisor' : 'host';
  if (cause === 'host' && state.suspendedByHostMs >= state.policy.maxSuspensionMs)
    return refuse('suspension_exceeds_policy');
  const since = formatInstant(facts.receivedAt);
  return { events: [{ type: 'OpeningSuspended', body: { cause, since, reason: data.reason }, fields: {} }] };
};

/** An emergency seen on site: the witness asks, a supervisor orders; together they are the emergency suspension of domain §2. */
export const requestSuspension: Step<'RequestSuspension'> = (state, { data }) => {
  if (state.suspensionRequested) return { events: [] };
  return { events: [{ type: 'SuspensionRequested', body: {}, fields: { reason: data.reason } }] };
};

/**
 * A long outage: the clock freezes what was running as of the last heartbeat, for everyone alike.
 *
 * Why: an outage across the deadline is never sealed automatically; two people resume it (domain §2, outages).
 */
export const freezeForOutage: Step<'FreezeForOutage'> = (state, _command, facts) => {
  const since = needed(facts.outageSince, 'when the platform stopped');
  const until = runningUntil(state);
  if (until === null || until <= since) return refuse('nothing_to_freeze');
  if (state.phase === 'Scheduled' || state.phase === 'CheckIn') {
    if (facts.at < until) return refuse('nothing_to_freeze');
    return { events: [frozen('outage_across_deadline', since)] };
  }
  return { events: [frozen('outage', since)] };
};

function frozen(cause: Suspension['cause'], since: number): NewEvent {
  return { type: 'OpeningSuspended', body: { cause, since: formatInstant(since), reason: null }, fields: {} };
}

function resumed(suspended: Suspension, at: number, reason: string | null): NewEvent {
  return {
    type: 'OpeningResumed',
    body: { since: formatInstant(suspended.since), frozenMs: at - suspended.since },
    fields: { reason },
  };
}

export const resumeOpening: Step<'ResumeOpening'> = (state, { data, actor }, facts) => {
  const { suspended } = state;
  if (suspended === null) return refuse('not_suspended');
  if (suspended.cause === 'supervisor' && actor.role !== 'supervisor') return refuse('suspended_by_supervisor');
  if (suspended.cause === 'outage_across_deadline') {
    // Host and witness rule on it (domain §2, outages); a supervisor's word takes neither's place.
    if (actor.role !== 'host') return refuse('role_not_allowed');
    if (suspended.resumeProposed) return { events: [] };
    return { events: [{ type: 'ResumeProposed', body: { reason: data.reason }, fields: {} }] };
  }
  return { events: [resumed(suspended, facts.at, data.reason)] };
};

export const confirmResume: Step<'ConfirmResume'> = (state, _command, facts) => {
  const { suspended } = state;
  if (suspended === null) return refuse('not_suspended');
  if (!suspended.resumeProposed) return refuse('no_resume_proposed');
  return { events: [resumed(suspended, facts.at, null)] };
};

/** The host's time to suspend is used up: the clock resumes, late rather than early, so that no window loses a moment. */
export const endSuspension: Step<'EndSuspension'> = (state, _command, facts) => {
  if (state.suspended === null) return refuse('not_suspended');
  const endsAt = hostSuspensionEndsAt(state);
  if (endsAt === null || facts.at < endsAt) return refuse('before_its_time');
  return { events: [resumed(state.suspended, facts.at, null)] };
};

export const proposeAbort: Step<'ProposeAbort'> = (state, { data, actor }) => {
  const by = actor.role === 'tenderer' ? 'tenderer' : 'host';
  if (state.abortProposedBy === by) return { events: [] };
  return { events: [{ type: 'AbortProposed', body: { by, reason: data.reason }, fields: {} }] };
};

export const confirmAbort: Step<'ConfirmAbort'> = (state, { actor }, facts) => {
  if (state.abortProposedBy === null) return refuse('no_abort_proposed');
  if (state.abortProposedBy === actor.role) return refuse('second_person_needed');
  return { events: aborted(state, 'tenderer_and_host', 'agreed by tenderer and host', facts) };
};

export const orderAbort: Step<'OrderAbort'> = (state, { data }, facts) => ({
  events: aborted(state, 'supervisor', data.reason, facts),
});

/** The end, and behind it what was objected while there was no roster to enter with. */
function aborted(
  state: OpeningState,
  by: 'tenderer_and_host' | 'supervisor',
  reason: string,
  facts: Facts,
): readonly NewEvent[] {
  const ended: NewEvent = { type: 'OpeningAborted', body: { by, reason }, fields: { report: { phase: state.phase } } };
  if (state.bids.length > 0) return [ended];
  return [ended, ...earlyObjections(needed(facts.register, 'the register').earlyObjections, () => null)];
}
