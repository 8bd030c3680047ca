// What the clock has to say next in an opening: derived from the state alone, so an alarm cannot be lost by a restart.
import type { CommandType } from './commands.ts';
import { hasWitnessShare, isAllShown } from './drawing.ts';
import { isKeyGiven, waitingBids } from './layer.ts';
import { runningRound } from './quote-rounds.ts';
import { leftToRemedy } from './remedy.ts';
import type { OpeningState } from './state.ts';
import { isAnyOpen } from './steps/objection.ts';

export type Alarm = { readonly at: number; readonly command: CommandType };

/**
 * The next alarm of this opening, or null.
 *
 * Units: `at` in integer ms; the command is due once the recorder's clock shows `at` or later.
 * Why:   a suspended opening has no alarm but the end of what the policy gives its host: every window is frozen until it resumes.
 */
export function nextAlarm(state: OpeningState): Alarm | null {
  if (state.suspended !== null) {
    const endsAt = hostSuspensionEndsAt(state);
    return endsAt === null ? null : { at: endsAt, command: 'EndSuspension' };
  }
  switch (state.phase) {
    case 'Scheduled':
      return state.checkInOpensAt === null ? null : { at: state.checkInOpensAt, command: 'OpenCheckIn' };
    case 'CheckIn':
      return { at: state.deadlineAt, command: 'Seal' };
    case 'Decrypting':
      return state.window === null ? null : { at: state.window.closesAt, command: 'CloseWindow' };
    case 'QuoteRound': {
      const running = runningRound(state);
      return running === null ? null : { at: running.closesAt, command: 'ReleaseQuotes' };
    }
    case 'TendererDecrypting':
      return unsealingAlarm(state);
    case 'Remedy':
      return remedyAlarm(state);
    case 'Drawing':
      return drawingAlarm(state);
    case 'RecordConfirm':
      return state.record === null || state.record.timedOut
        ? null
        : { at: state.record.confirmBy, command: 'TimeOutConfirmations' };
    case 'HandedOver':
    case 'Failed':
    case 'Aborted':
      // An open objection keeps the log open; its answer sets the alarm.
      if (isAnyOpen(state)) return null;
      return { at: archiveDueAt(state), command: 'ArchiveOpening' };
    default:
      return null;
  }
}

/** When the log may end: some time after the last phase began, and after the last answer, so that it can still be disputed. */
export function archiveDueAt({ phaseSince, objections, policy }: OpeningState): number {
  return Math.max(phaseSince, ...objections.map((o) => o.answeredAt ?? phaseSince)) + policy.archiveAfterMs;
}

/** Nothing left to be opened needs no more waiting; with the shares complete the end waits for the platform, whose last word sets this alarm. */
function unsealingAlarm(state: OpeningState): Alarm | null {
  const { unsealing } = state.layer;
  if (unsealing === null) return null;
  const { closesAt } = unsealing;
  if (waitingBids(state).length === 0) return { at: Math.min(state.lastAt, closesAt), command: 'CloseUnsealing' };
  return isKeyGiven(state) ? null : { at: closesAt, command: 'CloseUnsealing' };
}

/** Nothing left to be opened needs no more waiting. */
function remedyAlarm(state: OpeningState): Alarm | null {
  const { remedy, lastAt } = state;
  if (remedy === null) return null;
  const at = leftToRemedy(state).length === 0 ? Math.min(lastAt, remedy.closesAt) : remedy.closesAt;
  return { at, command: 'CloseRemedy' };
}

/** Shares that all are shown need no more waiting; commitments wait for the witness, whose share sets this alarm. */
function drawingAlarm({ drawing, lastAt }: OpeningState): Alarm | null {
  if (drawing === null) return null;
  if (drawing.stage === 'committing')
    return hasWitnessShare(drawing) ? { at: drawing.commitBy, command: 'CloseCommitments' } : null;
  if (drawing.stage !== 'revealing' || drawing.revealBy === null) return null;
  return { at: isAllShown(drawing) ? Math.min(lastAt, drawing.revealBy) : drawing.revealBy, command: 'CloseReveals' };
}

/**
 * When a running suspension by the host has used up what the policy allows; null for one that another ordered.
 *
 * Source: domain §2, total suspension is capped by policy. Without an end of its own, one suspension could last for ever.
 */
export function hostSuspensionEndsAt(state: OpeningState): number | null {
  if (state.suspended?.cause !== 'host') return null;
  return state.suspended.since + state.policy.maxSuspensionMs - state.suspendedByHostMs;
}

/** Is time running against someone in this state? Then a long outage freezes it (domain §2, outages). */
export function runningUntil(state: OpeningState): number | null {
  if (state.suspended !== null) return null;
  // Bids are lodged from publication on, so the deadline runs before check-in opens as well.
  if (state.phase === 'Scheduled' || state.phase === 'CheckIn') return state.deadlineAt;
  if (state.phase === 'Decrypting') return state.window?.closesAt ?? null;
  if (state.phase === 'QuoteRound') return runningRound(state)?.closesAt ?? null;
  if (state.phase === 'Remedy') return state.remedy?.closesAt ?? null;
  if (state.phase === 'TendererDecrypting') return isKeyGiven(state) ? null : (state.layer.unsealing?.closesAt ?? null);
  if (state.phase === 'Drawing' && state.drawing !== null) return state.drawing.revealBy ?? state.drawing.commitBy;
  if (state.phase === 'RecordConfirm' && state.record !== null && !state.record.timedOut) return state.record.confirmBy;
  return null;
}
