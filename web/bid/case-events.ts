/** Which entries of the log concern one bid, and by which article what they say was done. */
import type { EventType, LoggedEvent } from '../../server/core/opening/events.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';

/** Articles by the names of their words. */
export const LAWS = [
  'bl23',
  'bl28',
  'bl36',
  'o30',
  'o31',
  'o32',
  'o52',
  'r31',
  'r35',
  'r44',
  'r44_failed',
  'r60',
  'pl38',
  'pl52',
  'esl14',
] as const;
export type Law = (typeof LAWS)[number];

/** `own`: of the bidder whom its body names; `named`: asked below; `none`: of nobody's bid. */
type Concern = readonly ['all' | 'own' | 'named' | 'none', Law | null];
const none = ['none', null] as const;
const own = (law: Law | null) => ['own', law] as const;

export const CASE_EVENTS = {
  OpeningCreated: none,
  DraftAmended: none,
  RoleAssigned: none,
  RoleWithdrawn: none,
  OpeningPublished: none,
  OpeningPostponed: ['all', 'bl23'],
  OpeningRescheduled: ['all', 'bl23'],
  CheckInOpened: none,
  BidsSealed: ['all', 'bl28'],
  TenderFailed: ['all', 'r44_failed'],
  RosterPublished: ['all', 'bl36'],
  EnvelopesScanned: ['named', 'o31'],
  HolderKeyOffered: none,
  OpeningKeyDealt: none,
  ShareAcknowledged: none,
  LayerShareGiven: none,
  LayerShareRefused: none,
  LayerOpened: own('o30'),
  LayerFailed: own('o31'),
  UnsealingClosed: none,
  DrawingStarted: none,
  ShareCommitted: own(null),
  ShareLeftOut: own(null),
  CommitmentsClosed: none,
  ShareRevealed: own(null),
  ShareOpened: own(null),
  CoefficientDrawn: none,
  DrawingVoidProposed: none,
  DrawingVoided: none,
  RemedyOpened: ['named', 'o31'],
  BackupReceived: own('o31'),
  RemedyClosed: ['named', 'o31'],
  QuoteRoundStarted: ['all', 'pl38'],
  QuoteReceived: none,
  QuotesReleased: ['all', 'pl38'],
  WindowOpened: ['all', 'o30'],
  WindowExtended: ['all', 'o30'],
  ChallengeAcknowledged: own('o30'),
  DecryptionReceived: own('o30'),
  BidDecrypted: own('o30'),
  DecryptionFailed: own('o31'),
  AttemptRefused: own('o30'),
  WindowClosed: ['all', 'o30'],
  AttributionProposed: own('o31'),
  RulingGiven: own('o31'),
  BidRevoked: own('r35'),
  RulingContested: own('o31'),
  PricesAnnounced: ['all', 'bl36'],
  RecordIssued: ['all', 'o32'],
  RecordSigned: own('esl14'),
  RecordRefused: own('o32'),
  ConfirmationsTimedOut: ['named', 'o32'],
  CorrectionProposed: ['named', null],
  CorrectionMade: ['named', null],
  ErasureProposed: none,
  Erased: none,
  PointAcknowledged: none,
  Said: none,
  SaidInPrivate: none,
  Muted: own(null),
  Unmuted: own(null),
  NoticeGiven: none,
  NoticeAcknowledged: none,
  ObjectionRaised: own('r44'),
  ObjectionAnswered: ['named', 'r44'],
  AnswerDisputed: own('r60'),
  CloseProposed: none,
  OpeningClosed: ['all', 'o32'],
  ReviewOpened: ['all', null],
  HandedOver: none,
  OpeningArchived: none,
  OpeningSuspended: ['all', 'o52'],
  SuspensionRequested: none,
  ResumeProposed: none,
  OpeningResumed: ['all', 'o52'],
  AbortProposed: none,
  OpeningAborted: ['all', 'r31'],
} as const satisfies Record<EventType, Concern>;

/** The article of an event that concerns this bidder, or null for one without; undefined for one that is not theirs. */
export function lawIfConcerned(state: OpeningState, bidder: number, event: LoggedEvent): Law | null | undefined {
  const [whom, law]: Concern = CASE_EVENTS[event.type];
  const isTheirs =
    whom === 'all' ||
    (whom === 'own' && 'bidder' in event.body && event.body.bidder === bidder) ||
    (whom === 'named' && isNamed(state, bidder, event));
  return isTheirs ? law : undefined;
}

/** Of events that tell in another way whom they concern. */
function isNamed({ objections, corrections, remedy, bids }: OpeningState, bidder: number, event: LoggedEvent): boolean {
  switch (event.type) {
    case 'EnvelopesScanned':
      return event.body.damaged.some((one) => one.bidder === bidder);
    case 'RemedyOpened':
      return event.body.bids.includes(bidder);
    case 'RemedyClosed':
      return remedy?.bids.includes(bidder) === true;
    case 'ConfirmationsTimedOut': {
      const answer = bids[bidder - 1]?.answer;
      return answer?.kind === 'timed_out' && answer.version === event.body.version;
    }
    case 'CorrectionProposed':
      return event.body.effects.some((effect) => effect.bidder === bidder);
    case 'CorrectionMade':
      return corrections.some(
        ({ number, effects }) => number === event.body.number && effects.some((effect) => effect.bidder === bidder),
      );
    case 'ObjectionAnswered':
      return objections.some((one) => one.objection === event.body.objection && one.bidder === bidder);
    default:
      return false;
  }
}
