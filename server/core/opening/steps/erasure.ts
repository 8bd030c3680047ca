// Erasure: the witness or a supervisor proposes what is to be destroyed and on what ground, the other confirms; the commitment stays for ever.
import type { Step } from '../decision.ts';
import { isGroundThere } from '../erasure.ts';
import { refuse } from '../refusals.ts';
import { correctingSide } from './correction.ts';

/** Erasures in one opening. */
export const MAX_ERASURES = 1_000;

export const proposeErasure: Step<'ProposeErasure'> = (state, { data, actor }, facts) => {
  const { seq, field, basis, reason } = data;
  if (state.erasures.length >= MAX_ERASURES) return refuse('too_many_erasures');
  if (seq >= state.size || !facts.isErasable) return refuse('nothing_to_erase');
  if (!isGroundThere(state, basis, facts.at)) return refuse('retention_not_over');
  const body = { number: state.erasures.length + 1, seq, field, basis, by: correctingSide(actor) };
  return { events: [{ type: 'ErasureProposed', body, fields: { reason } }] };
};

/** By the other of the two; the recorder destroys the disclosure in the same transaction. */
export const confirmErasure: Step<'ConfirmErasure'> = (state, { data, actor }, facts) => {
  const standing = state.erasures[data.number - 1];
  if (standing === undefined || standing.done) return refuse('no_such_erasure');
  if (standing.by === actor.role) return refuse('second_person_needed');
  if (!facts.isErasable) return refuse('nothing_to_erase');
  const { number, seq, field, basis } = standing;
  return { events: [{ type: 'Erased', body: { number, seq, field, basis, by: correctingSide(actor) }, fields: {} }] };
};
