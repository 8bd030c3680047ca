// Postponement 延期: before the deadline the host takes it back, and names a later one with its place; what was lodged stands.
import { formatInstant, parseInstant } from '../../log/instant.ts';
import type { Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import { hasLawfulLead, isInstant } from './sealing.ts';

/**
 * Before the deadline only: the act counts from its receipt.
 *
 * Source: domain §2. The register is kept. A lodged bid stands with the statement its bidder signed; that names the deadline of its
 *         day, and the client still answers no challenge before it, for the new deadline is never earlier.
 */
export const postponeOpening: Step<'PostponeOpening'> = (state, { data }, facts) => {
  if (facts.receivedAt >= state.deadlineAt) return refuse('deadline_has_passed');
  const body = { deadlineAt: formatInstant(state.deadlineAt), reason: data.reason };
  return { events: [{ type: 'OpeningPostponed', body, fields: {} }] };
};

/** The new deadline lies after the one taken back and leaves check-in its lawful time, as at publication. */
export const rescheduleOpening: Step<'RescheduleOpening'> = (state, { data }, facts) => {
  if (!isInstant(data.deadlineAt)) return refuse('details_invalid');
  const deadlineAt = parseInstant(data.deadlineAt);
  if (deadlineAt <= state.deadlineAt) return refuse('deadline_not_later');
  const checkInOpensAt = deadlineAt - state.policy.checkInLeadMs;
  if (!hasLawfulLead(state.profile, { deadlineAt, checkInOpensAt }, facts.receivedAt))
    return refuse('deadline_too_soon');
  const body = { ...data, checkInOpensAt: formatInstant(checkInOpensAt) };
  return { events: [{ type: 'OpeningRescheduled', body, fields: {} }] };
};
