// The fold of a drawing's events; digests are not looked at here, for a page folds too: the audit holds shares against commitments.
import { parseInstant } from '../log/instant.ts';
import { CorruptLogError, must } from './corrupt-log.ts';
import { type Drawing, isAllShown, shareOf } from './drawing.ts';
import type { DRAWING_EVENTS } from './drawing-events.ts';
import type { LoggedEvent } from './events.ts';
import type { OpeningState } from './state.ts';

export type DrawingEvent = Extract<LoggedEvent, { type: keyof typeof DRAWING_EVENTS }>;

/** The state after one more event of a drawing. Throws: CorruptLogError; LogFormatError for an instant that is none. */
export function evolveDrawing(s: OpeningState, event: DrawingEvent): OpeningState {
  const { seq } = event;
  if (event.type === 'DrawingStarted') return started(s, event);
  const drawing = must(s.drawing, seq, 'no drawing');
  if (event.body.round !== drawing.round) throw new CorruptLogError(seq, 'another round of the drawing');
  const becomes = (change: Partial<Drawing>): OpeningState => ({ ...s, drawing: { ...drawing, ...change } });
  const back = (at: number, change: Partial<Drawing>): OpeningState => ({
    ...becomes(change),
    phase: drawing.from,
    phaseSince: at,
  });
  switch (event.type) {
    case 'ShareCommitted': {
      const { bidder, commitment, sealed } = event.body;
      mustStand(drawing, 'committing', seq);
      if (shareOf(drawing, bidder) !== undefined) throw new CorruptLogError(seq, 'a second share of one party');
      return becomes({ shares: [...drawing.shares, { bidder, commitment, sealed, share: null }] });
    }
    case 'ShareLeftOut':
      mustStand(drawing, 'committing', seq);
      return becomes({ leftOut: [...drawing.leftOut, event.body.bidder] });
    case 'CommitmentsClosed':
      mustStand(drawing, 'committing', seq);
      if (event.body.shares !== drawing.shares.length) throw new CorruptLogError(seq, 'counts other shares');
      return becomes({ stage: 'revealing', revealBy: parseInstant(event.body.revealBy) });
    case 'ShareRevealed':
    case 'ShareOpened': {
      const { bidder, share } = event.body;
      mustStand(drawing, 'revealing', seq);
      if (shareOf(drawing, bidder)?.share !== null) throw new CorruptLogError(seq, 'no such share waits');
      return becomes({ shares: drawing.shares.map((each) => (each.bidder === bidder ? { ...each, share } : each)) });
    }
    case 'CoefficientDrawn':
      mustStand(drawing, 'revealing', seq);
      if (!isAllShown(drawing)) throw new CorruptLogError(seq, 'drawn before every share was shown');
      return back(event.at, { stage: 'drawn', coefficient: event.body.coefficient });
    case 'DrawingVoidProposed':
      return becomes({ voidProposedBy: event.body.by });
    case 'DrawingVoided':
      return back(event.at, { stage: 'void' });
  }
}

function started(s: OpeningState, event: Extract<DrawingEvent, { type: 'DrawingStarted' }>): OpeningState {
  const { round, kid, drawKey, commitBy } = event.body;
  if (round !== (s.drawing?.round ?? 0) + 1) throw new CorruptLogError(event.seq, 'rounds are not counted one by one');
  if (s.phase !== 'RosterPublished' && s.phase !== 'Announcing')
    throw new CorruptLogError(event.seq, 'a drawing at another time');
  const drawing: Drawing = {
    round,
    from: s.phase,
    stage: 'committing',
    kid,
    key: drawKey,
    commitBy: parseInstant(commitBy),
    revealBy: null,
    shares: [],
    leftOut: [],
    voidProposedBy: null,
    coefficient: null,
  };
  return { ...s, phase: 'Drawing', phaseSince: event.at, drawing };
}

function mustStand(drawing: Drawing, stage: Drawing['stage'], seq: number): void {
  if (drawing.stage !== stage) throw new CorruptLogError(seq, `the drawing is not ${stage}`);
}
