// Which commands an event can come from: what decide does, said from the event's side, so that a reader can hold an act against its entry.
import { COMMANDS, type CommandType } from './commands.ts';
import type { EventType } from './events.ts';
import { MACHINES, type Role } from './roles.ts';

/** What a person signs to create an opening; there is no opening yet, so it is no command of one. */
export const CREATION = 'CreateOpening';
export type Origin = CommandType | typeof CREATION;

export const ORIGINS = {
  OpeningCreated: [CREATION],
  DraftAmended: ['AmendDraft'],
  RoleAssigned: ['AssignRole'],
  RoleWithdrawn: ['WithdrawRole'],
  OpeningPublished: ['PublishOpening'],
  OpeningPostponed: ['PostponeOpening'],
  OpeningRescheduled: ['RescheduleOpening'],
  CheckInOpened: ['OpenCheckIn'],
  BidsSealed: ['Seal'],
  TenderFailed: ['Seal', 'DeclareFailed'],
  RosterPublished: ['PublishRoster'],
  EnvelopesScanned: ['RecordScan'],
  DrawingStarted: ['StartDrawing'],
  ShareCommitted: ['CommitShare'],
  /** It came, and was not what it promised. */
  ShareLeftOut: ['CommitShare'],
  CommitmentsClosed: ['CloseCommitments'],
  ShareRevealed: ['RevealShare'],
  ShareOpened: ['CloseReveals'],
  CoefficientDrawn: ['CloseReveals'],
  DrawingVoidProposed: ['VoidDrawing'],
  DrawingVoided: ['VoidDrawing'],
  WindowOpened: ['OpenWindow'],
  WindowExtended: ['ExtendWindow'],
  ChallengeAcknowledged: ['AcknowledgeChallenge'],
  DecryptionReceived: ['DecryptBid'],
  BidDecrypted: ['RecordDecryption'],
  DecryptionFailed: ['RecordDecryption', 'CloseUnsealing'],
  /** The platform notes it; actor and act are those of the bidder's try. */
  AttemptRefused: ['RecordRefusedAttempt', 'DecryptBid'],
  HolderKeyOffered: ['OfferHolderKey'],
  OpeningKeyDealt: ['DealOpeningKey'],
  ShareAcknowledged: ['AcknowledgeShare'],
  LayerShareGiven: ['UnsealLayer'],
  /** It came, and was not what was dealt. */
  LayerShareRefused: ['UnsealLayer'],
  LayerOpened: ['RecordLayer'],
  LayerFailed: ['RecordLayer', 'CloseUnsealing'],
  UnsealingClosed: ['CloseUnsealing'],
  RemedyOpened: ['OpenRemedy'],
  BackupReceived: ['SubmitBackup'],
  RemedyClosed: ['CloseRemedy'],
  WindowClosed: ['CloseWindow', 'EndWindowEarly'],
  AttributionProposed: ['CloseWindow', 'CloseUnsealing'],
  RulingGiven: ['GiveRuling'],
  BidRevoked: ['RevokeBid'],
  RulingContested: ['ContestRuling'],
  PricesAnnounced: ['AnnouncePrices'],
  QuoteRoundStarted: ['StartQuoteRound'],
  QuoteReceived: ['SubmitQuote'],
  QuotesReleased: ['ReleaseQuotes'],
  RecordIssued: ['IssueRecord'],
  RecordSigned: ['SignRecord'],
  RecordRefused: ['RefuseRecord'],
  ConfirmationsTimedOut: ['TimeOutConfirmations'],
  CorrectionProposed: ['CorrectEmergency'],
  CorrectionMade: ['ConfirmCorrection'],
  ErasureProposed: ['ProposeErasure'],
  Erased: ['ConfirmErasure'],
  PointAcknowledged: ['AcknowledgePoint'],
  Said: ['Say'],
  SaidInPrivate: ['Say'],
  Muted: ['Mute'],
  Unmuted: ['Unmute'],
  NoticeGiven: ['GiveNotice'],
  NoticeAcknowledged: ['AcknowledgeNotice'],
  /** An objection raised before the roster enters with it, or with the end that came before it: the objector's own act. */
  ObjectionRaised: ['RaiseObjection', 'PublishRoster', 'Seal', 'ConfirmAbort', 'OrderAbort'],
  ObjectionAnswered: ['AnswerObjection'],
  AnswerDisputed: ['DisputeAnswer'],
  CloseProposed: ['ProposeClose'],
  OpeningClosed: ['AttestClose'],
  ReviewOpened: ['OpenReview'],
  HandedOver: ['HandOver'],
  OpeningArchived: ['ArchiveOpening'],
  OpeningSuspended: ['SuspendOpening', 'FreezeForOutage'],
  SuspensionRequested: ['RequestSuspension'],
  ResumeProposed: ['ResumeOpening'],
  OpeningResumed: ['ResumeOpening', 'ConfirmResume', 'EndSuspension'],
  AbortProposed: ['ProposeAbort'],
  OpeningAborted: ['ConfirmAbort', 'OrderAbort'],
} as const satisfies Record<EventType, readonly Origin[]>;

/** The roles that may stand as the actor of an event. */
export function rolesOf(type: EventType): readonly Role[] {
  return ORIGINS[type].flatMap((origin): readonly Role[] => (origin === CREATION ? ['host'] : COMMANDS[origin].roles));
}

/** Is this role one of the two machines that act without a person's signature? */
export function isMachine(role: string): boolean {
  return MACHINES.some((machine) => machine === role);
}
