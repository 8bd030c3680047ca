// In which phases an event may stand on the log: what decide allows, said once more from the reader's side.
import type { EventType } from './events.ts';
import type { Phase } from './phases.ts';

const IN_PUBLIC = [
  'RosterPublished',
  'Drawing',
  'Decrypting',
  'TendererDecrypting',
  'Attribution',
  'Remedy',
  'Announcing',
  'QuoteRound',
  'RecordConfirm',
] as const;
const RUNNING = ['Sealed', ...IN_PUBLIC] as const;
const AFTER = ['Closed', 'ReviewMeeting', 'HandedOver', 'Failed', 'Aborted'] as const;
const BEFORE_CLOSED = ['Draft', 'Scheduled', 'CheckIn', 'Postponed', ...RUNNING] as const;

/** In which phases an event may stand on the log: what `decide` allows, said once more from the reader's side. */
export const FITS: Readonly<Record<EventType, readonly Phase[]>> = {
  OpeningCreated: [],
  DraftAmended: ['Draft'],
  OpeningPublished: ['Draft'],
  OpeningPostponed: ['Scheduled', 'CheckIn'],
  OpeningRescheduled: ['Postponed'],
  CheckInOpened: ['Scheduled'],
  BidsSealed: ['CheckIn'],
  TenderFailed: ['Sealed', 'Attribution'],
  RosterPublished: ['Sealed'],
  WindowOpened: ['RosterPublished'],
  WindowExtended: ['Decrypting'],
  ChallengeAcknowledged: ['Decrypting'],
  DecryptionReceived: ['Decrypting'],
  BidDecrypted: ['Decrypting'],
  DecryptionFailed: ['Decrypting'],
  AttemptRefused: [...IN_PUBLIC, ...AFTER],
  WindowClosed: ['Decrypting'],
  AttributionProposed: ['Attribution'],
  RulingGiven: ['Attribution', 'Announcing', 'RecordConfirm'],
  BidRevoked: IN_PUBLIC,
  RulingContested: ['Attribution', 'Announcing', 'RecordConfirm'],
  PricesAnnounced: ['Attribution'],
  RecordIssued: ['Announcing', 'RecordConfirm'],
  RecordSigned: ['RecordConfirm'],
  RecordRefused: ['RecordConfirm'],
  ConfirmationsTimedOut: ['RecordConfirm'],
  ObjectionRaised: [...IN_PUBLIC, 'Failed', 'Aborted'],
  ObjectionAnswered: [...IN_PUBLIC, 'Failed', 'Aborted'],
  AnswerDisputed: [...IN_PUBLIC, 'Failed', 'Aborted'],
  CloseProposed: ['RecordConfirm'],
  OpeningClosed: ['RecordConfirm'],
  ReviewOpened: ['Closed'],
  HandedOver: ['Closed', 'ReviewMeeting'],
  OpeningArchived: ['HandedOver', 'Failed', 'Aborted'],
  OpeningSuspended: ['Scheduled', 'CheckIn', ...RUNNING],
  SuspensionRequested: RUNNING,
  ResumeProposed: ['Scheduled', 'CheckIn'],
  OpeningResumed: ['Scheduled', 'CheckIn', ...RUNNING],
  AbortProposed: BEFORE_CLOSED,
  OpeningAborted: BEFORE_CLOSED,
};
