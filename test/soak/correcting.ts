/** Emergency corrections in a simulation: in some openings witness or supervisor puts something right, and the other agrees to what it was shown. */
import { CORRECTABLE_TEXTS, type Correction, effectsOf } from '../../server/core/opening/correction.ts';
import { phaseCell } from '../../server/core/opening/phases.ts';
import { type OpeningState, verdictOf } from '../../server/core/opening/state.ts';
import { isAsShown } from '../../server/core/opening/steps/correction.ts';
import type { Chance } from './chance.ts';
import type { Mind, Wish } from './programs.ts';

export type Correcting = {
  /** What the witness or a supervisor wants of it; undefined when nothing, and for everyone else. */
  wish(role: string, state: OpeningState, mind: Mind): Wish | undefined;
};

/** Share of the openings, and of the looks at which something is found in them. */
const CORRECTED = 0.25;
const FINDING = 0.12;
/** An opening that is corrected ever again would not come to its end. */
const PROPOSALS = 3;

export function createCorrecting(chance: Chance): Correcting {
  const isCorrected = chance.happens(CORRECTED);
  return {
    wish(role, state, mind) {
      if (role !== 'witness' && role !== 'supervisor') return undefined;
      if (!isCorrected || phaseCell(state.phase, 'CorrectEmergency') !== 'yes') return undefined;
      const standing = state.corrections.find(({ made }) => !made);
      if (standing !== undefined) {
        const isStill = isAsShown([...standing.effects], [...(effectsOf(state, standing.correction) ?? [])]);
        // Now and then somebody agrees to its own, or to what would do something else by now: both are refused.
        const isOut = standing.by === role || !isStill;
        if (!mind.chance.happens(isOut ? mind.temper.unlawful : 0.5)) return undefined;
        return { type: 'ConfirmCorrection', data: { number: standing.number } };
      }
      if (mind.isLate || state.corrections.length >= PROPOSALS || !mind.chance.happens(FINDING)) return undefined;
      return { type: 'CorrectEmergency', data: { correction: find(state, mind.chance), reason: '现场核对有误' } };
    },
  };
}

/** Something that can be put right where there is any; else what cannot, and is refused. */
function find({ bids, details }: OpeningState, chance: Chance): Correction {
  const ruled = bids.filter((bid) => verdictOf(bid) !== null).map(({ bidder }) => bidder);
  const late = bids.filter(({ lateAttempts }) => lateAttempts > 0).map(({ bidder }) => bidder);
  if (late.length > 0) return { kind: 'strike_attempt', bidder: chance.pick(late) };
  if (ruled.length > 0 && chance.happens(0.6)) return { kind: 'reopen_ruling', bidder: chance.pick(ruled) };
  if (chance.happens(0.2)) return { kind: 'strike_attempt', bidder: 1 };
  const member = chance.pick(CORRECTABLE_TEXTS);
  return { kind: 'record_text', member, text: `${details[member]}（更正）` };
}
