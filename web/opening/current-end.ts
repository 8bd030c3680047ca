/** Which end time runs towards in this state: what the big countdown shows. */
import { runningRound } from '../../server/core/opening/quote-rounds.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';

export type End = {
  readonly what:
    | 'check_in'
    | 'deadline'
    | 'commitments'
    | 'reveals'
    | 'unsealing'
    | 'remedy'
    | 'quotes'
    | 'window'
    | 'confirmation';
  /** The instant it would end, integer ms. */
  readonly at: number;
  /** What is left of it while the opening is suspended, ms; null when time runs. */
  readonly frozenMs: number | null;
};

/** The end that time runs towards, or null when the next step waits for a person. Source: domain §2, `nextAlarm` of the core. */
export function currentEnd(state: OpeningState): End | null {
  const end = runningEnd(state);
  if (end === null || state.suspended === null) return end;
  return { ...end, frozenMs: Math.max(0, end.at - state.suspended.since) };
}

function runningEnd(state: OpeningState): End | null {
  const running = (what: End['what'], at: number): End => ({ what, at, frozenMs: null });
  switch (state.phase) {
    case 'Scheduled':
      return state.checkInOpensAt === null ? null : running('check_in', state.checkInOpensAt);
    case 'CheckIn':
      return running('deadline', state.deadlineAt);
    case 'Decrypting':
      return state.window === null || state.window.closed !== null ? null : running('window', state.window.closesAt);
    case 'Drawing': {
      const { drawing } = state;
      if (drawing === null) return null;
      return drawing.revealBy === null
        ? running('commitments', drawing.commitBy)
        : running('reveals', drawing.revealBy);
    }
    case 'TendererDecrypting':
      return state.layer.unsealing === null ? null : running('unsealing', state.layer.unsealing.closesAt);
    case 'Remedy':
      return state.remedy === null ? null : running('remedy', state.remedy.closesAt);
    case 'QuoteRound': {
      const round = runningRound(state);
      return round === null ? null : running('quotes', round.closesAt);
    }
    case 'RecordConfirm':
      return state.record === null || state.record.timedOut ? null : running('confirmation', state.record.confirmBy);
    default:
      return null;
  }
}
