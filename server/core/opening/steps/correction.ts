// Emergency correction: the witness or a supervisor proposes one with its effects, the other confirms exactly these; nothing is erased.
import { canonicalise, type Json } from '../../log/canonical.ts';
import { effectsOf } from '../correction.ts';
import type { Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import type { Actor } from '../roles.ts';

/** Proposals in one opening: more than that is no emergency any more. */
export const MAX_CORRECTIONS = 50;

/** Which of the two who watch over an opening acts. */
export function correctingSide({ role }: Actor): 'witness' | 'supervisor' {
  return role === 'supervisor' ? 'supervisor' : 'witness';
}

/** The proposal says in clear what it would change, so that whoever confirms it, and everyone else, sees it first. */
export const proposeCorrection: Step<'CorrectEmergency'> = (state, { data, actor }) => {
  const { correction, reason } = data;
  if (state.corrections.length >= MAX_CORRECTIONS) return refuse('too_many_corrections');
  const effects = effectsOf(state, correction);
  if (effects === null) return refuse('nothing_to_correct');
  const body = { number: state.corrections.length + 1, by: correctingSide(actor), correction, effects: [...effects] };
  return { events: [{ type: 'CorrectionProposed', body, fields: { reason } }] };
};

/** By the other of the two, and only while it would still do what it said. */
export const confirmCorrection: Step<'ConfirmCorrection'> = (state, { data, actor }) => {
  const standing = state.corrections[data.number - 1];
  if (standing === undefined || standing.made) return refuse('no_such_correction');
  if (standing.by === actor.role) return refuse('second_person_needed');
  if (!isAsShown(standing.effects, effectsOf(state, standing.correction))) return refuse('effects_changed');
  return { events: [{ type: 'CorrectionMade', body: { number: data.number, by: correctingSide(actor) }, fields: {} }] };
};

/** Are these the effects that were shown? */
export function isAsShown(shown: Json, now: Json): boolean {
  return canonicalise(shown) === canonicalise(now);
}
