// Whether the rules allowed a drawing's event, for a reader who has only the log: times, turns and parties; digests are the audit's.
import { formatInstant } from '../log/instant.ts';
import { hasWitnessShare, isAllShown, shareOf } from './drawing.ts';
import type { DrawingEvent } from './evolve-drawing.ts';
import { bidOf, isDecrypted, type OpeningState } from './state.ts';
import { drawPromised, mayCommit } from './steps/drawing.ts';

/** As `isLawful`, of an event of a drawing. */
export function isLawfulDrawing(before: OpeningState, event: DrawingEvent, role: string): boolean {
  const { drawing, policy } = before;
  if (policy.draw === 'none') return false;
  if (event.type === 'DrawingStarted') {
    const isPromised = drawPromised(before) !== null && drawing?.stage !== 'drawn';
    return isPromised && event.body.commitBy === formatInstant(event.at + policy.draw.commitMs);
  }
  if (drawing === null) return false;
  switch (event.type) {
    case 'ShareCommitted':
    case 'ShareLeftOut': {
      const { bidder } = event.body;
      return mayCommit(drawing, event.receivedAt ?? event.at) && isParty(before, bidder, role);
    }
    case 'CommitmentsClosed': {
      const isDue = event.at >= drawing.commitBy && hasWitnessShare(drawing);
      return isDue && event.body.revealBy === formatInstant(event.at + policy.draw.revealMs);
    }
    case 'ShareRevealed': {
      const { bidder } = event.body;
      const isInTime = drawing.revealBy !== null && (event.receivedAt ?? event.at) < drawing.revealBy;
      return isInTime && shareOf(drawing, bidder) !== undefined && isParty(before, bidder, role);
    }
    case 'ShareOpened':
      return drawing.revealBy !== null && event.at >= drawing.revealBy;
    case 'CoefficientDrawn':
      return drawing.revealBy !== null && (event.at >= drawing.revealBy || isAllShown(drawing));
    case 'DrawingVoidProposed':
      return drawing.voidProposedBy === null && event.body.by === role;
    case 'DrawingVoided':
      return drawing.voidProposedBy !== null && drawing.voidProposedBy !== role && event.body.by === role;
  }
}

/** May this role bring this party's share: the witness its own, a bidder its own, and after decryption only of an opened bid? */
function isParty(before: OpeningState, bidder: number | null, role: string): boolean {
  if (bidder === null || role === 'witness') return bidder === null && role === 'witness';
  const bid = bidOf(before, bidder);
  if (bid === undefined || role !== 'bidder') return false;
  return before.policy.draw !== 'none' && (before.policy.draw.when === 'before_decryption' || isDecrypted(bid));
}
