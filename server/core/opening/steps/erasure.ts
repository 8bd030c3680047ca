// Erasure: the witness or a supervisor proposes what is to be destroyed and on what ground, the other confirms; the commitment stays for ever.
import type { Step } from '../decision.ts';
import { isGroundThere, openErasures } from '../erasure.ts';
import { refuse } from '../refusals.ts';
import { correctingSide } from './correction.ts';

/** Proposals in one opening that wait for their second person; what is done does not count. */
export const MAX_OPEN_ERASURES = 1_000;

export const proposeErasure: Step<'ProposeErasure'> = (state, { data, actor }, facts) => {
  const { seq, field, basis, reason } = data;
  const open = openErasures(state);
  if (open.length >= MAX_OPEN_ERASURES) return refuse('too_many_erasures');
  if (seq >= state.size || !facts.isErasable) return refuse('nothing_to_erase');
  if (open.some((one) => one.seq === seq && one.field === field)) return refuse('erasure_proposed_already');
  if (!isGroundThere(state, basis, facts.at)) return refuse('retention_not_over');
  const body = { number: state.erasures.length + 1, seq, field, basis, by: correctingSide(actor) };
  return { events: [{ type: 'ErasureProposed', body, fields: { reason } }] };
};

/** By the other of the two; the recorder destroys the disclosures in the same transaction. */
export const confirmErasure: Step<'ConfirmErasure'> = (state, { data, actor }, facts) => {
  const standing = state.erasures[data.number - 1];
  if (standing === undefined || standing.done) return refuse('no_such_erasure');
  if (standing.by === actor.role) return refuse('second_person_needed');
  if (!facts.isErasable) return refuse('nothing_to_erase');
  const { number, seq, field, basis } = standing;
  return { events: [{ type: 'Erased', body: { number, seq, field, basis, by: correctingSide(actor) }, fields: {} }] };
};
