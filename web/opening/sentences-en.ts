/** What each event says, in English. */
import { parseInstant } from '../../server/core/log/instant.ts';
import type { Evidence, LoggedEvent } from '../../server/core/opening/events.ts';
import { formatAmount } from '../parts/amount.ts';
import { dayTimeText, spanText, timeText } from '../parts/instant-text.ts';
import { isolated } from '../parts/isolated.ts';
import { shortDigest } from '../parts/short-digest.ts';
import { textIn } from './said-text.ts';
import type { Sentences } from './sentences.ts';
// Not by way of term-words.ts: that speaks Chinese as long as the English has not come.
import { en as terms } from './term-words-en.ts';

const time = (text: string): string => timeText(parseInstant(text), 'en');
const dayTime = (text: string): string => dayTimeText(parseInstant(text), 'en');
const span = (ms: number): string => spanText(ms, 'en');
const failures = terms.failures;
const verdicts = terms.verdicts;
const attempts = terms.attempts;
const by = {
  host: 'The host',
  witness: 'The witness',
  tenderer: 'The tenderer',
  supervisor: 'The supervisor',
} as const;
const roles = {
  tenderer: 'tenderer',
  host: 'host',
  witness: 'witness',
  supervisor: 'supervisor',
  auditor: 'auditor',
} as const;
const party = (bidder: number | null): string => (bidder === null ? 'The witness' : `Bidder ${bidder}`);
const points = terms.points;
const effects = terms.effects;
const bases = terms.bases;
const officials = { ...by, bidder: 'A bidder' } as const;

/** What was said, in quotation marks, or that it is not shown. */
function quoted(fields: LoggedEvent['fields']): string {
  const text = textIn(fields);
  return text === null ? '(not shown)' : `“${isolated(text)}”`;
}

const shares = (by: string | undefined): string =>
  by === undefined ? '' : `; shares of the opening key are asked for until ${time(by)}`;

const missing = (holders: readonly number[] | undefined): string =>
  holders === undefined ? '' : `; missing: holder ${holders.join(', ')}`;

/** What the proposal was judged by (Order No. 20, Art. 31), so that it can be contested. */
export function evidenceEn(found: Evidence): string {
  const said = [
    found.damagedInStorage ? 'damaged in the platform’s storage' : '',
    found.actReceived ? 'a decryption was received' : 'no decryption was received',
    ...found.failures.map((failure) => failures[failure]),
    found.challengeAcknowledged ? 'the call had arrived' : 'no sign that the call arrived',
    found.peerSucceeded ? 'others opened' : 'no other opened',
    found.outageMs > 0 ? `the platform was away for ${span(found.outageMs)}` : 'no outage',
  ];
  return said.filter((one) => one !== '').join('; ');
}

export const sentencesEn: Sentences = {
  OpeningCreated: ({ body }) => `Opening “${isolated(body.details.title)}” created, lot ${body.details.lot.code}`,
  DraftAmended: () => 'The host amended the draft',
  RoleAssigned: ({ body }) => `Somebody was given a role: ${roles[body.role]}`,
  RoleWithdrawn: ({ body }) => `Somebody was relieved of a role: ${roles[body.role]}`,
  OpeningPublished: ({ body }) => `The host published the opening; check-in opens ${dayTime(body.checkInOpensAt)}`,
  OpeningPostponed: ({ body }) =>
    `The host took back the deadline of ${dayTime(body.deadlineAt)}: “${isolated(body.reason)}”`,
  OpeningRescheduled: ({ body }) =>
    `New deadline ${dayTime(body.deadlineAt)} at “${isolated(body.place)}”; check-in opens ${dayTime(body.checkInOpensAt)}. Bids already lodged stand`,
  CheckInOpened: ({ body }) => `Check-in opened at ${time(body.effectiveAt)}`,
  BidsSealed: ({ body }) =>
    `Bidding closed; all bids sealed at ${time(body.effectiveAt)}, root ${shortDigest(body.envelopesRoot)}`,
  TenderFailed: ({ body }) =>
    body.reason === 'too_few_bidders'
      ? 'The tender failed: fewer bids than the minimum'
      : 'The tender failed: no bid was decrypted',
  RosterPublished: ({ body }) => `The host published the roster: ${body.count} bidders`,
  HolderKeyOffered: ({ body }) =>
    `Holder ${body.holder} (${roles[body.role]}) offered a key for a share of the opening key`,
  OpeningKeyDealt: ({ body }) =>
    `An opening key was dealt: ${body.threshold} of ${body.shares.length} holders will ${body.windowKey === undefined ? 'open the second layer' : 'give the key of the decryption window once it is over'}`,
  ShareAcknowledged: ({ body }) => `Holder ${body.holder} acknowledged the share of the opening key`,
  LayerShareGiven: ({ body }) => `Holder ${body.holder} gave the share of the opening key`,
  LayerShareRefused: ({ body }) =>
    `Holder ${body.holder} gave a share that is not what was dealt; it may be sent again`,
  LayerOpened: ({ body }) => `The second layer of bidder ${body.bidder} was opened`,
  LayerFailed: ({ body }) => `The second layer of bidder ${body.bidder} did not open: ${failures[body.failure]}`,
  UnsealingClosed: ({ body }) =>
    body.why === 'all_decided'
      ? 'All that waited for the opening key is decided'
      : `Too few shares of the opening key were given${missing(body.missing)}; the bids that it closes stay closed, never by their bidders’ fault`,
  DrawingStarted: ({ body }) => `The host started drawing, round ${body.round}; shares until ${time(body.commitBy)}`,
  ShareCommitted: ({ body }) => `${party(body.bidder)} committed a share`,
  ShareLeftOut: ({ body }) => `${party(body.bidder)} sent a share that is not what it promises: left out`,
  CommitmentsClosed: ({ body }) => `${body.shares} shares are final; to be shown by ${time(body.revealBy)}`,
  ShareRevealed: ({ body }) => `${party(body.bidder)} showed the share`,
  ShareOpened: ({ body }) => `The share of ${party(body.bidder)} was not shown, and opened`,
  CoefficientDrawn: ({ body }) => `Coefficient drawn: ${body.coefficient}`,
  DrawingVoidProposed: ({ body }) => `${by[body.by]} calls round ${body.round} of the drawing void`,
  DrawingVoided: ({ body }) => `Round ${body.round} of the drawing is void, by witness and supervisor together`,
  RemedyOpened: ({ body }) =>
    `The host opened the remedy for bidders ${body.bids.join(', ')}, until ${time(body.closesAt)}`,
  BackupReceived: ({ body }) => `Kept key of bidder ${body.bidder} received, checking`,
  RemedyClosed: ({ body }) => `The remedy ended at ${time(body.effectiveAt)}${shares(body.sharesBy)}`,
  QuoteRoundStarted: ({ body }) => `The host started round ${body.round} of quotes, until ${time(body.closesAt)}`,
  QuoteReceived: ({ body }) => `A sealed quote of round ${body.round} received`,
  QuotesReleased: ({ body }) => `Round ${body.round} of quotes: ${body.quoted} released, ${body.declined} declined`,
  EnvelopesScanned: ({ body }) =>
    body.damaged.length === 0
      ? 'The stored bids were read through: all are what was received'
      : `The stored bids were read through: ${body.damaged.map(({ bidder }) => `bid ${bidder}`).join(', ')} damaged in the platform’s storage, never by its bidder’s fault`,
  WindowOpened: ({ body }) =>
    `The host opened decryption, ${time(body.opensAt)} to ${time(body.closesAt)}${body.holders.includes('platform') ? '' : `; nothing opens before its end, the key is with ${body.holders.length} holders`}`,
  WindowExtended: ({ body }) => `The host extended the window by ${span(body.extraMs)}, to ${time(body.closesAt)}`,
  ChallengeAcknowledged: ({ body }) => `Bidder ${body.bidder} has the call to decrypt`,
  DecryptionReceived: ({ body }) => `Attempt ${body.attempt} of bidder ${body.bidder} received`,
  BidDecrypted: ({ body }) => `Bidder ${body.bidder} decrypted`,
  DecryptionFailed: ({ body }) => `Attempt ${body.attempt} of bidder ${body.bidder} failed: ${failures[body.failure]}`,
  AttemptRefused: ({ body }) => `Bidder ${body.bidder}: ${attempts[body.attempt]} refused`,
  WindowClosed: ({ body }) =>
    (body.why === 'time'
      ? `The decryption window ended at ${time(body.effectiveAt)}`
      : `${body.why === 'all_received' ? 'Every decryption is received' : 'All have decrypted'}; the window ended early at ${time(body.effectiveAt)}`) +
    shares(body.sharesBy),
  AttributionProposed: ({ body }) =>
    `The bid of bidder ${body.bidder} was not opened; proposed: ${verdicts[body.verdict]}. Evidence: ${evidenceEn(body.evidence)}`,
  RulingGiven: ({ body }) => `${by[body.by]} ruled on bid ${body.bidder}: ${verdicts[body.verdict]}`,
  BidRevoked: ({ body }) =>
    `Bidder ${body.bidder} revoked its bid after the deadline; the bid bond may be kept (Art. 35 of the Regulations)`,
  RulingContested: ({ body }) => `Bidder ${body.bidder} contested the ruling`,
  PricesAnnounced: ({ body }) =>
    `All ${body.count} prices announced at once${body.ceilingPrice === null ? '' : `; ceiling price ${formatAmount(body.ceilingPrice)}`}`,
  RecordIssued: ({ body }) =>
    `The host issued version ${body.version} of the record, to confirm by ${time(body.confirmBy)}`,
  RecordSigned: ({ body }) => `Bidder ${body.bidder} confirmed version ${body.version} of the record`,
  RecordRefused: ({ body }) => `Bidder ${body.bidder} refused version ${body.version} of the record`,
  ConfirmationsTimedOut: ({ body }) =>
    `Time to confirm version ${body.version} is over: the rest not signed, no objection raised`,
  CorrectionProposed: ({ body }) =>
    `${by[body.by]} proposed correction ${body.number}: ${body.effects.map((e) => `${effects[e.what]}${e.bidder === null ? '' : ` of bidder ${e.bidder}`} “${e.before}” → “${e.after}”`).join('; ')}`,
  CorrectionMade: ({ body }) => `${by[body.by]} confirmed correction ${body.number}; it is made`,
  ErasureProposed: ({ body }) =>
    `${by[body.by]} proposed erasure ${body.number}: “${body.field}” of entry ${body.seq} (${bases[body.basis]})`,
  Erased: ({ body }) =>
    `${by[body.by]} confirmed erasure ${body.number}: “${body.field}” of entry ${body.seq} is gone for good, and the log still verifies`,
  PointAcknowledged: ({ body }) => `The witness acknowledged: ${points[body.point]}`,
  Said: ({ body, fields }) =>
    `${body.bidder === null ? 'An official' : `Bidder ${body.bidder}`} said: ${quoted(fields)}`,
  SaidInPrivate: ({ body, fields }) =>
    `${body.by === 'host' ? `The host to bidder ${body.bidder}` : `Bidder ${body.bidder} to the host`}, in private: ${quoted(fields)}`,
  Muted: ({ body }) => `The host muted bidder ${body.bidder} in the public chat`,
  Unmuted: ({ body }) => `The host let bidder ${body.bidder} speak again`,
  NoticeGiven: ({ fields }) => `Notice by the host: ${quoted(fields)}`,
  NoticeAcknowledged: ({ body }) =>
    `${body.bidder === null ? officials[body.by] : `Bidder ${body.bidder}`} acknowledged notice ${body.notice}`,
  ObjectionRaised: ({ body }) =>
    body.bidder === null
      ? `Objection ${body.objection}, raised before the roster by someone not on it, was entered`
      : `Bidder ${body.bidder} raised objection ${body.objection}`,
  ObjectionAnswered: ({ body }) => `Objection ${body.objection} was answered`,
  AnswerDisputed: ({ body }) =>
    `${body.bidder === null ? 'The objector' : `Bidder ${body.bidder}`} disputes the answer to objection ${body.objection}; complaints until ${dayTime(body.complainBy)}`,
  CloseProposed: ({ body }) => `The host proposed to close on version ${body.version} of the record`,
  OpeningClosed: ({ body }) =>
    `The witness attested; the opening is closed on version ${body.version} of the record${body.uncosigned === true ? ', without its cosigners, who had not signed in time' : ''}`,
  ReviewOpened: ({ body }) =>
    `The host opened a review meeting on version ${body.version} of the record: “${isolated(body.reason)}”`,
  HandedOver: ({ body }) => `${body.bids} bids handed over to evaluation`,
  OpeningArchived: () => 'Archived; the log has ended',
  OpeningSuspended: ({ body }) => `Suspended; every time limit frozen since ${time(body.since)}`,
  SuspensionRequested: () => 'The witness asked for an emergency suspension',
  ResumeProposed: () => 'The host proposed to resume',
  OpeningResumed: ({ body }) => `Resumed; every time limit moved by ${span(body.frozenMs)}`,
  AbortProposed: ({ body }) => `${by[body.by]} proposed to terminate`,
  OpeningAborted: ({ body }) =>
    body.by === 'supervisor' ? 'Terminated by order of the supervisor' : 'Terminated by tenderer and host together',
};
