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
/** Before the deadline the host alone speaks, and nobody learns who listens. */
const ANNOUNCING_ONLY = ['Scheduled', 'CheckIn', 'Postponed'] as const;
const AFTER = ['Closed', 'ReviewMeeting', 'HandedOver', 'Failed', 'Aborted'] as const;
const BEFORE_CLOSED = ['Draft', 'Scheduled', 'CheckIn', 'Postponed', ...RUNNING] as const;

/** While somebody still has something to do in it. */
const STAFFED = [...BEFORE_CLOSED, 'Closed', 'ReviewMeeting', 'Failed', 'Aborted'] as const;

/** In which phases an event may stand on the log: what `decide` allows, said once more from the reader's side. */
export const FITS: Readonly<Record<EventType, readonly Phase[]>> = {
  OpeningCreated: [],
  DraftAmended: ['Draft'],
  RoleAssigned: STAFFED,
  RoleWithdrawn: STAFFED,
  OpeningPublished: ['Draft'],
  OpeningPostponed: ['Scheduled', 'CheckIn'],
  OpeningRescheduled: ['Postponed'],
  CheckInOpened: ['Scheduled'],
  BidsSealed: ['CheckIn'],
  TenderFailed: ['Sealed', 'Attribution'],
  RosterPublished: ['Sealed'],
  DrawingStarted: ['RosterPublished', 'Announcing'],
  ShareCommitted: ['Drawing'],
  ShareLeftOut: ['Drawing'],
  CommitmentsClosed: ['Drawing'],
  ShareRevealed: ['Drawing'],
  ShareOpened: ['Drawing'],
  CoefficientDrawn: ['Drawing'],
  DrawingVoidProposed: ['Drawing'],
  DrawingVoided: ['Drawing'],
  WindowOpened: ['RosterPublished'],
  WindowExtended: ['Decrypting'],
  ChallengeAcknowledged: ['Decrypting'],
  DecryptionReceived: ['Decrypting'],
  BidDecrypted: ['Decrypting', 'Remedy'],
  DecryptionFailed: ['Decrypting', 'Remedy'],
  RemedyOpened: ['Attribution'],
  BackupReceived: ['Remedy'],
  RemedyClosed: ['Remedy'],
  AttemptRefused: [...IN_PUBLIC, ...AFTER],
  WindowClosed: ['Decrypting'],
  AttributionProposed: ['Attribution'],
  RulingGiven: ['Attribution', 'Announcing', 'RecordConfirm'],
  BidRevoked: IN_PUBLIC,
  RulingContested: ['Attribution', 'Announcing', 'RecordConfirm'],
  PricesAnnounced: ['Attribution'],
  QuoteRoundStarted: ['Announcing', 'QuoteRound'],
  QuoteReceived: ['QuoteRound'],
  QuotesReleased: ['QuoteRound'],
  RecordIssued: ['Announcing', 'QuoteRound', 'RecordConfirm'],
  RecordSigned: ['RecordConfirm'],
  RecordRefused: ['RecordConfirm'],
  ConfirmationsTimedOut: ['RecordConfirm'],
  CorrectionProposed: IN_PUBLIC,
  CorrectionMade: IN_PUBLIC,
  PointAcknowledged: RUNNING,
  Said: [...ANNOUNCING_ONLY, ...RUNNING, 'ReviewMeeting'],
  SaidInPrivate: [...IN_PUBLIC, 'ReviewMeeting'],
  Muted: [...IN_PUBLIC, 'ReviewMeeting'],
  Unmuted: [...IN_PUBLIC, 'ReviewMeeting'],
  NoticeGiven: [...ANNOUNCING_ONLY, ...RUNNING, 'ReviewMeeting'],
  NoticeAcknowledged: [...ANNOUNCING_ONLY, ...RUNNING, ...AFTER],
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
