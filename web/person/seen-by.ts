/** Who will see what of an act once it is done: asked of the rules that the server shows everything by. */
import { EVENTS, type EventType } from '../../server/core/opening/events.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { roleSees } from '../../server/core/opening/visibility.ts';
import { VIEWERS } from '../conduct/who-sees.ts';
import type { ActType } from './act-rows.ts';

/** What an act becomes on the log; null where it goes to the register first, which nobody else reads before the roster. */
export const BECOMES = {
  OfferHolderKey: 'HolderKeyOffered',
  DealOpeningKey: 'OpeningKeyDealt',
  AcknowledgeShare: 'ShareAcknowledged',
  PublishOpening: 'OpeningPublished',
  AssignRole: 'RoleAssigned',
  WithdrawRole: 'RoleWithdrawn',
  CheckIn: null,
  AcknowledgeEarlyNotice: null,
  Rehearse: null,
  WithdrawBid: null,
  RaiseEarlyObjection: null,
  PostponeOpening: 'OpeningPostponed',
  RescheduleOpening: 'OpeningRescheduled',
  PublishRoster: 'RosterPublished',
  AcknowledgePoint: 'PointAcknowledged',
  StartDrawing: 'DrawingStarted',
  CommitShare: 'ShareCommitted',
  RevealShare: 'ShareRevealed',
  OpenWindow: 'WindowOpened',
  DecryptBid: 'DecryptionReceived',
  ExtendWindow: 'WindowExtended',
  EndWindowEarly: 'WindowClosed',
  UnsealLayer: 'LayerShareGiven',
  GiveRuling: 'RulingGiven',
  ContestRuling: 'RulingContested',
  DeclareFailed: 'TenderFailed',
  VoidDrawing: 'DrawingVoidProposed',
  OpenRemedy: 'RemedyOpened',
  SubmitBackup: 'BackupReceived',
  AnnouncePrices: 'PricesAnnounced',
  StartQuoteRound: 'QuoteRoundStarted',
  SubmitQuote: 'QuoteReceived',
  IssueRecord: 'RecordIssued',
  SignRecord: 'RecordSigned',
  RefuseRecord: 'RecordRefused',
  RaiseObjection: 'ObjectionRaised',
  AnswerObjection: 'ObjectionAnswered',
  DisputeAnswer: 'AnswerDisputed',
  ProposeClose: 'CloseProposed',
  AttestClose: 'OpeningClosed',
  OpenReview: 'ReviewOpened',
  HandOver: 'HandedOver',
  SuspendOpening: 'OpeningSuspended',
  RequestSuspension: 'SuspensionRequested',
  ResumeOpening: 'OpeningResumed',
  ConfirmResume: 'OpeningResumed',
  OrderAbort: 'OpeningAborted',
  RevokeBid: 'BidRevoked',
  ProposeAbort: 'AbortProposed',
  ConfirmAbort: 'OpeningAborted',
  GiveNotice: 'NoticeGiven',
  AcknowledgeNotice: 'NoticeAcknowledged',
  Say: 'Said',
  Mute: 'Muted',
  Unmute: 'Unmuted',
} as const satisfies Record<ActType, EventType | null>;

/** What of an entry is of this act's own making, of its person's words and prices: what is withheld, and is not about who acted. */
const ABOUT_PERSON: ReadonlySet<string> = new Set(['who', 'source', 'act']);

export type SeenBy = {
  /** Those who see what is said in it; null where everything it says stands in clear for everybody. */
  readonly content: readonly PersonRole[] | null;
  /** Those who see by whom it was done. */
  readonly person: readonly PersonRole[];
};

/**
 * Who sees an act, besides whoever does it.
 *
 * Returns: null for an act that goes to the register.
 * Shape:   of several withheld fields `content` has those who see the first, which is the words of an act or the rows it releases.
 */
export function seenBy(type: ActType, state: OpeningState): SeenBy | null {
  const becomes: EventType | null = BECOMES[type];
  if (becomes === null) return null;
  // what is released by this very act counts as released
  const then = type === 'PublishRoster' ? { ...state, bids: [{} as OpeningState['bids'][number]] } : state;
  const body = { round: state.quoteRounds.length };
  const sees = (field: string) => VIEWERS.filter((role) => roleSees(role, { type: becomes, field, body }, then));
  const [content] = Object.keys(EVENTS[becomes].withheld).filter((field) => !ABOUT_PERSON.has(field));
  return { content: content === undefined ? null : sees(content), person: sees('who') };
}
