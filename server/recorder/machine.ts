/** What the clock and the platform ask of an opening, and which of it ends a stretch of time. */
import { nextAlarm, runningUntil } from '../core/opening/alarms.ts';
import type { CommandData, CommandType } from '../core/opening/commands.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import type { DecryptionFailure } from '../core/opening/findings.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import type { OpeningState } from '../core/opening/state.ts';

export type MachineCommand =
  | {
      readonly type: Extract<
        CommandType,
        | 'OpenCheckIn'
        | 'Seal'
        | 'CloseCommitments'
        | 'CloseReveals'
        | 'CloseWindow'
        | 'CloseUnsealing'
        | 'CloseRemedy'
        | 'ReleaseQuotes'
        | 'TimeOutConfirmations'
        | 'ArchiveOpening'
        | 'EndSuspension'
      >;
    }
  | { readonly type: 'FreezeForOutage'; readonly outageSince: number }
  /** Those with data are the platform's own findings, the others the clock's. */
  | { readonly type: 'RecordScan'; readonly data: CommandData<'RecordScan'> }
  | {
      readonly type: 'RecordLayer';
      readonly data: { readonly bidder: number; readonly failure: DecryptionFailure | null };
    }
  | {
      readonly type: 'RecordDecryption';
      readonly data: { readonly bidder: number; readonly attempt: number; readonly failure: DecryptionFailure | null };
    };

export type MachineOutcome = { readonly events: readonly LoggedEvent[] } | { readonly refused: RefusalCode };

/** `later`: not asked, since acts from before its boundary still wait. */
export type MachineAnswer = MachineOutcome | { readonly fault: unknown } | 'later';

/** Commands that end a stretch of time: everything received before their boundary is decided first (log-format §4). */
const BOUNDARIES: ReadonlySet<string> = new Set([
  'Seal',
  'CloseCommitments',
  'CloseReveals',
  'CloseWindow',
  'CloseUnsealing',
  'CloseRemedy',
  'ReleaseQuotes',
  'TimeOutConfirmations',
  'FreezeForOutage',
]);

export function isBoundary({ type }: MachineCommand): boolean {
  return BOUNDARIES.has(type);
}

/**
 * The instant at which this command's stretch of time ends; null while no such stretch is running.
 *
 * Why: a long outage ends it as the clock would have, but by freezing it. What another process received in the outage and before
 *      that instant counts; what it received afterwards finds the opening suspended, and is not late: nobody's time has run out
 *      (domain §2, outages). Refused as late, an act would stand on the log against its bidder for the platform's fault.
 */
export function boundaryOf(state: OpeningState, command: MachineCommand): number | null {
  if (!isBoundary(command)) return null;
  if (command.type === 'FreezeForOutage') return runningUntil(state);
  const alarm = nextAlarm(state);
  return alarm?.command === command.type ? alarm.at : null;
}
