// What the witness on site must acknowledge 见证要点: each point once what it is about has happened, all of them before the close.
import type { Step } from '../decision.ts';
import type { WitnessPoint } from '../policy.ts';
import { refuse } from '../refusals.ts';
import type { OpeningState } from '../state.ts';

/** Has what the point is about happened? */
export function isDue(state: OpeningState, point: WitnessPoint): boolean {
  switch (point) {
    case 'seal':
      return state.envelopesRoot !== null;
    case 'roster':
      return state.bids.length > 0;
    case 'decryption':
      return state.window !== null && state.window.closed !== null;
    case 'prices':
      return state.prices !== null;
    case 'record':
      return state.record !== null;
  }
}

/** The points of the policy that are not acknowledged; that of the record is asked again for each version. */
export function unacknowledged(state: OpeningState): readonly WitnessPoint[] {
  return state.policy.witnessPoints.filter((point) => !state.points.includes(point));
}

export const acknowledgePoint: Step<'AcknowledgePoint'> = (state, { data }) => {
  const { point, note } = data;
  if (!state.policy.witnessPoints.includes(point)) return refuse('no_such_point');
  if (!isDue(state, point)) return refuse('point_not_due');
  if (state.points.includes(point)) return refuse('already_acknowledged');
  return { events: [{ type: 'PointAcknowledged', body: { point }, fields: { note } }] };
};
