/** Which entries everyone in the room must have seen, whatever else scrolls by: the notice column. */
import type { EventType } from '../../server/core/opening/events.ts';
import type { HeldEntry } from '../replica/replica.ts';

const NOTICES: ReadonlySet<EventType> = new Set<EventType>([
  'NoticeGiven',
  'OpeningPostponed',
  'OpeningRescheduled',
  'RoleAssigned',
  'RoleWithdrawn',
  'TenderFailed',
  'DrawingStarted',
  'ShareLeftOut',
  'CommitmentsClosed',
  'CoefficientDrawn',
  'DrawingVoidProposed',
  'DrawingVoided',
  'LayerShareRefused',
  'LayerFailed',
  'UnsealingClosed',
  'RemedyOpened',
  'RemedyClosed',
  'QuoteRoundStarted',
  'QuotesReleased',
  'WindowOpened',
  'WindowExtended',
  'WindowClosed',
  'AttemptRefused',
  'PricesAnnounced',
  'RecordIssued',
  'BidRevoked',
  'CorrectionProposed',
  'CorrectionMade',
  'ConfirmationsTimedOut',
  'ReviewOpened',
  'ObjectionRaised',
  'ObjectionAnswered',
  'AnswerDisputed',
  'OpeningSuspended',
  'SuspensionRequested',
  'ResumeProposed',
  'OpeningResumed',
  'AbortProposed',
  'OpeningAborted',
  'OpeningClosed',
]);

/** The notices among the entries, newest first. */
export function noticesOf(entries: readonly HeldEntry[]): HeldEntry[] {
  return entries.filter(({ event }) => NOTICES.has(event.type)).reverse();
}

/** The reason or text a person gave with an event, as far as this viewer may read it, verbatim; null when there is none. */
export function reasonOf({ event }: HeldEntry): string | null {
  switch (event.type) {
    case 'OpeningPostponed':
    case 'ReviewOpened':
    case 'WindowExtended':
    case 'OpeningSuspended':
    case 'ResumeProposed':
    case 'AbortProposed':
    case 'OpeningAborted':
      return event.body.reason;
    default: {
      const field = event.fields['reason'] ?? event.fields['text'];
      return field?.known === true && typeof field.value === 'string' ? field.value : null;
    }
  }
}
