// The fold of the log: one more entry makes the next state. It never refuses; an event that does not fit is a corrupt log.
import { canonicalise } from '../log/canonical.ts';
import { LogFormatError } from '../log/error.ts';
import { parseInstant } from '../log/instant.ts';
import { goneWith } from '../log/verify.ts';
import { corrected } from './correction.ts';
import { CorruptLogError, must } from './corrupt-log.ts';
import type { Drawing } from './drawing.ts';
import type { StandingErasure } from './erasure-events.ts';
import type { EventType, Knowable, LoggedEvent } from './events.ts';
import { withheld } from './events.ts';
import { evolveDrawing } from './evolve-drawing.ts';
import { afterDecrypting, evolveLayer } from './evolve-layer.ts';
import { evolveQuotes } from './evolve-quotes.ts';
import { fitsField } from './fields.ts';
import { FITS } from './fits.ts';
import { blindRules, type Layer, layerRules, NO_LAYER } from './layer.ts';
import { withNotice } from './notices.ts';
import type { Phase } from './phases.ts';
import type { Policy } from './policy.ts';
import type { Remedy } from './remedy.ts';
import type { Lodgement, PriceRow, RegisterCounts, RosterRow } from './rows.ts';
import { firstStaff, staffWith, staffWithout } from './staff.ts';
import type { Bid, Objection, OpeningRecordHead, OpeningState, Window } from './state.ts';
import { bidOf, changeable } from './state.ts';

/** Reads a withheld field; its shape was checked when the entry was read (`readEvent`). */
function field<T>(event: LoggedEvent, name: string): Knowable<T> {
  return (event.fields[name] ?? withheld) as Knowable<T>;
}

/** Whose credit code stands in `who`; a value of another shape tells nothing. */
function creditCodeOf(event: LoggedEvent): Knowable<string> {
  const who = field<{ readonly creditCode?: unknown } | null>(event, 'who');
  const code = who.known && typeof who.value === 'object' ? who.value?.creditCode : undefined;
  return typeof code === 'string' ? { known: true, value: code } : withheld;
}

function enter(state: OpeningState, phase: Phase, at: number): OpeningState {
  return { ...state, phase, phaseSince: at };
}

function changeBid(state: OpeningState, seq: number, bidder: number, change: (bid: Bid) => Bid): OpeningState {
  must(bidOf(state, bidder), seq, `no bidder ${bidder}`);
  return { ...state, bids: state.bids.map((b) => (b.bidder === bidder ? change(b) : b)) };
}

const newBid = (bidder: number, isLayerOpen: boolean): Bid => ({
  bidder,
  isLayerOpen,
  challengeAcknowledged: false,
  attempts: [],
  lateAttempts: 0,
  revokedAt: null,
  proposal: null,
  ruledByHost: null,
  ruledByWitness: null,
  contests: 0,
  contestOpen: false,
  answer: null,
  messages: 0,
  muted: false,
});

/** A window that was still running when the freeze began keeps its exact remainder (domain §2). */
function shifted(end: number, since: number, frozenMs: number): number {
  return end > since ? end + frozenMs : end;
}

function shiftedDrawing(drawing: Drawing, since: number, frozenMs: number): Drawing {
  if (drawing.stage === 'committing') return { ...drawing, commitBy: shifted(drawing.commitBy, since, frozenMs) };
  if (drawing.stage !== 'revealing' || drawing.revealBy === null) return drawing;
  return { ...drawing, revealBy: shifted(drawing.revealBy, since, frozenMs) };
}

function shiftedLayer(layer: Layer, since: number, frozenMs: number): Layer {
  const { unsealing } = layer;
  if (unsealing === null || unsealing.closedAt !== null) return layer;
  return { ...layer, unsealing: { ...unsealing, closesAt: shifted(unsealing.closesAt, since, frozenMs) } };
}

function shiftedRemedy(remedy: Remedy, since: number, frozenMs: number): Remedy {
  return remedy.closedAt === null ? { ...remedy, closesAt: shifted(remedy.closesAt, since, frozenMs) } : remedy;
}

/**
 * The state after genesis.
 *
 * Throws: CorruptLogError when the first entry is anything but `OpeningCreated` at seq 0.
 */
export function begin(event: LoggedEvent): OpeningState {
  if (event.type !== 'OpeningCreated' || event.seq !== 0)
    throw new CorruptLogError(event.seq, 'a log begins with OpeningCreated');
  const b = event.body;
  const deadlineAt = fitting(event.seq, () => parseInstant(b.details.deadlineAt));
  return {
    openingId: b.openingId,
    platform: b.platform,
    profile: b.profile,
    details: b.details,
    policy: b.policy,
    policyHash: b.policyHash,
    vkey: b.vkey,
    cosigners: b.cosigners,
    closingSize: 1,
    closingAt: event.at,
    staff: firstStaff(field(event, 'assignments')),
    phase: 'Draft',
    phaseSince: event.at,
    deadlineAt,
    checkInOpensAt: null,
    envelopesRoot: null,
    lodgements: withheld,
    counts: withheld,
    roster: withheld,
    numbers: withheld,
    bids: [],
    scan: null,
    window: null,
    drawCommitments: b.drawCommitments ?? [],
    drawing: null,
    remedy: null,
    layer: NO_LAYER,
    prices: null,
    quoteRounds: [],
    record: null,
    pastRecords: [],
    objections: [],
    corrections: [],
    erasures: [],
    notices: [],
    points: [],
    suspended: null,
    suspensionRequested: false,
    suspendedByHostMs: 0,
    closeProposed: null,
    abortProposedBy: null,
    failure: null,
    size: 1,
    lastAt: event.at,
  };
}

/**
 * The next state.
 *
 * Throws:  CorruptLogError when the event does not fit the state before it.
 * Why:     no event needs a withheld value to be folded, so every viewer's replay reaches the same phase and the same windows.
 */
export function evolve(before: OpeningState, event: LoggedEvent): OpeningState {
  const { seq } = event;
  if (seq !== before.size) throw new CorruptLogError(seq, `expected entry ${before.size}`);
  if (event.at < before.lastAt) throw new CorruptLogError(seq, 'time goes back');
  if (!FITS[event.type].includes(before.phase))
    throw new CorruptLogError(seq, `${event.type} does not belong in ${before.phase}`);
  return fitting(seq, () => withNotice(apply({ ...before, ...grown(before, event), lastAt: event.at }, event), event));
}

/**
 * What anybody may say at any time and no close depends on.
 *
 * Why: were every entry to be countersigned before a close, whoever keeps talking would keep it from ever coming.
 */
const TALK: ReadonlySet<EventType> = new Set([
  'Said',
  'SaidInPrivate',
  'Muted',
  'Unmuted',
  'NoticeGiven',
  'NoticeAcknowledged',
  'AttemptRefused',
]);

type Grown = Pick<OpeningState, 'size' | 'closingSize' | 'closingAt'>;

function grown({ closingSize, closingAt }: OpeningState, { seq, type, at }: LoggedEvent): Grown {
  const size = seq + 1;
  return TALK.has(type) ? { size, closingSize, closingAt } : { size, closingSize: size, closingAt: at };
}

/** A body may have the shape of an instant and name 30 February: that too is an event that does not fit. */
function fitting<T>(seq: number, fold: () => T): T {
  try {
    return fold();
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new CorruptLogError(seq, fault.message);
    throw fault;
  }
}

function apply(s: OpeningState, event: LoggedEvent): OpeningState {
  const { seq } = event;
  switch (event.type) {
    case 'OpeningCreated':
      throw new CorruptLogError(seq, 'a second genesis');
    case 'DraftAmended': {
      const { details, policy, policyHash } = event.body;
      // what was dealt for other rules is dealt anew
      const rulesOf = ({ tendererLayer, blindWindow }: Policy): string => canonicalise({ tendererLayer, blindWindow });
      const isSame = rulesOf(policy) === rulesOf(s.policy);
      const layer = isSame ? s.layer : { ...s.layer, key: null };
      return { ...s, details, policy, policyHash, layer, deadlineAt: parseInstant(details.deadlineAt) };
    }
    case 'RoleAssigned':
      return { ...s, staff: staffWith(s.staff, field(event, 'account'), event.body.role) };
    case 'RoleWithdrawn':
      return { ...s, staff: staffWithout(s.staff, field(event, 'account'), event.body.role, s.phase === 'Draft') };
    case 'OpeningPublished':
      if (event.body.policyHash !== s.policyHash) throw new CorruptLogError(seq, 'published another policy');
      return { ...enter(s, 'Scheduled', event.at), checkInOpensAt: parseInstant(event.body.checkInOpensAt) };
    case 'OpeningPostponed':
      if (parseInstant(event.body.deadlineAt) !== s.deadlineAt)
        throw new CorruptLogError(seq, 'postponed another deadline');
      return { ...enter(s, 'Postponed', event.at), checkInOpensAt: null };
    case 'OpeningRescheduled': {
      const { deadlineAt, place, checkInOpensAt } = event.body;
      return {
        ...enter(s, 'Scheduled', event.at),
        details: { ...s.details, deadlineAt, place },
        deadlineAt: parseInstant(deadlineAt),
        checkInOpensAt: parseInstant(checkInOpensAt),
      };
    }
    case 'CheckInOpened':
      return enter(s, 'CheckIn', parseInstant(event.body.effectiveAt));
    case 'BidsSealed':
      if (parseInstant(event.body.effectiveAt) !== s.deadlineAt)
        throw new CorruptLogError(seq, 'sealed at another instant than the deadline');
      return {
        ...enter(s, 'Sealed', s.deadlineAt),
        envelopesRoot: event.body.envelopesRoot,
        lodgements: field<readonly Lodgement[]>(event, 'lodgements'),
        counts: field<RegisterCounts>(event, 'counts'),
      };
    case 'TenderFailed':
      return {
        ...enter(s, 'Failed', parseInstant(event.body.effectiveAt)),
        failure: event.body.reason,
        suspended: null,
      };
    case 'RosterPublished':
      return {
        ...enter(s, 'RosterPublished', event.at),
        roster: field<readonly RosterRow[]>(event, 'roster'),
        numbers: field<readonly number[]>(event, 'numbers'),
        bids: Array.from({ length: event.body.count }, (_, i) => newBid(i + 1, layerRules(s.policy) === null)),
      };
    case 'EnvelopesScanned': {
      const { damaged } = event.body;
      if (damaged.some(({ bidder }) => bidOf(s, bidder) === undefined))
        throw new CorruptLogError(seq, 'a scan of no bid');
      return { ...s, scan: { damaged } };
    }
    case 'WindowOpened': {
      const { kid, windowKey, opensAt, closesAt } = event.body;
      const window = {
        kid,
        key: windowKey,
        opensAt: parseInstant(opensAt),
        closesAt: parseInstant(closesAt),
        extendedMs: 0,
        closed: null,
        outageMs: 0,
      };
      if (window.opensAt >= window.closesAt) throw new CorruptLogError(seq, 'an empty window');
      if (blindRules(s.policy) !== null && !isDealtKey(s.layer, window))
        throw new CorruptLogError(seq, 'a blind window with another key than was dealt');
      return { ...enter(s, 'Decrypting', window.opensAt), window };
    }
    case 'WindowExtended': {
      const window = must(s.window, seq, 'no window');
      const closesAt = parseInstant(event.body.closesAt);
      if (closesAt !== window.closesAt + event.body.extraMs)
        throw new CorruptLogError(seq, 'the extension does not add up');
      return { ...s, window: { ...window, closesAt, extendedMs: window.extendedMs + event.body.extraMs } };
    }
    case 'ChallengeAcknowledged':
      return changeBid(s, seq, event.body.bidder, (b) => ({ ...b, challengeAcknowledged: true }));
    case 'DecryptionReceived':
    case 'BackupReceived': {
      const { bidder, attempt } = event.body;
      const receivedAt = must(event.receivedAt, seq, 'an act without its receipt');
      return changeBid(s, seq, bidder, (b) => {
        if (attempt !== b.attempts.length + 1) throw new CorruptLogError(seq, 'attempts are not counted one by one');
        return { ...b, attempts: [...b.attempts, { attempt, receivedAt, outcome: 'undecided' }] };
      });
    }
    case 'BidDecrypted':
      return decided(s, seq, event.body.bidder, event.body.attempt, 'decrypted');
    case 'DecryptionFailed':
      return decided(s, seq, event.body.bidder, event.body.attempt, event.body.failure);
    case 'AttemptRefused':
      return changeBid(s, seq, event.body.bidder, (b) => ({ ...b, lateAttempts: b.lateAttempts + 1 }));
    case 'WindowClosed': {
      const window = must(s.window, seq, 'no window');
      const at = parseInstant(event.body.effectiveAt);
      const closed = { ...s, window: { ...window, closed: { at, why: event.body.why } } };
      return afterDecrypting(closed, at, event.body, seq);
    }
    case 'RemedyOpened': {
      const { opensAt, closesAt, bids } = event.body;
      const remedy = { opensAt: parseInstant(opensAt), closesAt: parseInstant(closesAt), bids, closedAt: null };
      if (remedy.opensAt >= remedy.closesAt || bids.some((n) => bidOf(s, n) === undefined))
        throw new CorruptLogError(seq, 'a remedy for nobody or of no time');
      return { ...enter(s, 'Remedy', remedy.opensAt), remedy };
    }
    case 'RemedyClosed': {
      const closedAt = parseInstant(event.body.effectiveAt);
      const closed = { ...s, remedy: { ...must(s.remedy, seq, 'no remedy'), closedAt } };
      return afterDecrypting(closed, closedAt, event.body, seq);
    }
    case 'AttributionProposed': {
      const { bidder, verdict, evidence } = event.body;
      return changeBid(s, seq, bidder, (b) => ({ ...b, proposal: { verdict, evidence } }));
    }
    case 'RulingGiven': {
      const { bidder, verdict, by } = event.body;
      return changeBid(s, seq, bidder, (b) => {
        const ruled = by === 'host' ? { ...b, ruledByHost: verdict } : { ...b, ruledByWitness: verdict };
        return { ...ruled, contestOpen: b.contestOpen && ruled.ruledByHost !== ruled.ruledByWitness };
      });
    }
    case 'BidRevoked':
      return changeBid(s, seq, event.body.bidder, (b) => {
        if (b.revokedAt !== null) throw new CorruptLogError(seq, 'revoked twice');
        return { ...b, revokedAt: event.receivedAt ?? event.at, contestOpen: false };
      });
    case 'RulingContested':
      return changeBid(s, seq, event.body.bidder, (b) => ({
        ...b,
        ruledByHost: null,
        ruledByWitness: null,
        contests: b.contests + 1,
        contestOpen: true,
      }));
    case 'PricesAnnounced': {
      const numbers = field<readonly number[]>(event, 'numbers');
      return {
        ...enter(s, 'Announcing', event.at),
        prices: field<readonly PriceRow[]>(event, 'rows'),
        numbers: numbers.known ? numbers : s.numbers,
      };
    }
    case 'RecordIssued': {
      const { version, recordSha256, confirmBy } = event.body;
      if (version !== (s.record?.version ?? 0) + 1) throw new CorruptLogError(seq, 'record versions are not dense');
      const record: OpeningRecordHead = {
        version,
        sha256: recordSha256,
        issuedAt: event.at,
        confirmBy: parseInstant(confirmBy),
        timedOut: false,
        says: changeable(s),
        document: field(event, 'record'),
        publicForm: field(event, 'publicRecord'),
      };
      const past = s.record === null ? [] : [{ ...s.record, answers: s.bids.map((b) => b.answer) }];
      return {
        ...enter(s, 'RecordConfirm', event.at),
        record,
        pastRecords: [...s.pastRecords, ...past],
        closeProposed: null,
        // the witness saw the version before
        points: s.points.filter((point) => point !== 'record'),
        bids: s.bids.map((b) => ({ ...b, answer: null })),
      };
    }
    case 'RecordSigned':
      return answered(s, event, event.body, 'signed');
    case 'RecordRefused':
      return answered(s, event, event.body, 'refused');
    case 'ConfirmationsTimedOut': {
      const record = must(s.record, seq, 'no record');
      const { version } = event.body;
      if (version !== record.version) throw new CorruptLogError(seq, 'timed out another version');
      const bids = s.bids.map((b) =>
        b.answer === null ? { ...b, answer: { version, kind: 'timed_out' as const, at: record.confirmBy } } : b,
      );
      return { ...s, record: { ...record, timedOut: true }, bids };
    }
    case 'CorrectionProposed': {
      const { number } = event.body;
      if (number !== s.corrections.length + 1) throw new CorruptLogError(seq, 'corrections are not counted one by one');
      return { ...s, corrections: [...s.corrections, { ...event.body, made: false }] };
    }
    case 'CorrectionMade': {
      const standing = must(s.corrections[event.body.number - 1], seq, `no correction ${event.body.number}`);
      if (standing.made) throw new CorruptLogError(seq, 'corrected twice');
      const corrections = s.corrections.map((one) => (one === standing ? { ...one, made: true } : one));
      return corrected({ ...s, corrections }, standing.correction);
    }
    case 'ErasureProposed': {
      const { number, seq: erased } = event.body;
      if (number !== s.erasures.length + 1) throw new CorruptLogError(seq, 'erasures are not counted one by one');
      if (erased >= seq) throw new CorruptLogError(seq, 'an entry that is not there yet');
      return { ...s, erasures: [...s.erasures, { ...event.body, done: false }] };
    }
    case 'Erased': {
      const standing = must(s.erasures[event.body.number - 1], seq, `no erasure ${event.body.number}`);
      if (standing.done) throw new CorruptLogError(seq, 'erased twice');
      const gone = goneWith(standing.field);
      const isGone = (one: StandingErasure): boolean => one.seq === standing.seq && gone.includes(one.field);
      return { ...s, erasures: s.erasures.map((one) => (isGone(one) ? { ...one, done: true } : one)) };
    }
    case 'PointAcknowledged': {
      const { point } = event.body;
      if (s.points.includes(point)) throw new CorruptLogError(seq, `${point} is acknowledged twice`);
      return { ...s, points: [...s.points, point] };
    }
    case 'Said':
      return event.body.bidder === null ? s : heard(s, seq, event.body.bidder);
    case 'SaidInPrivate':
      return event.body.by === 'bidder' ? heard(s, seq, event.body.bidder) : s;
    case 'Muted':
      return changeBid(s, seq, event.body.bidder, (b) => ({ ...b, muted: true }));
    case 'Unmuted':
      return changeBid(s, seq, event.body.bidder, (b) => ({ ...b, muted: false }));
    case 'NoticeGiven':
      return s;
    case 'NoticeAcknowledged': {
      const { notice: number, bidder, by } = event.body;
      const notice = must(s.notices[number - 1], seq, `no notice ${number}`);
      const acknowledgedBy = [...notice.acknowledgedBy, bidder ?? by];
      return { ...s, notices: s.notices.map((n) => (n === notice ? { ...n, acknowledgedBy } : n)) };
    }
    case 'ObjectionRaised': {
      const { objection, bidder } = event.body;
      if (objection !== s.objections.length + 1)
        throw new CorruptLogError(seq, 'objections are not counted one by one');
      if ((s.phase === 'Failed' || s.phase === 'Aborted') && bidder !== null)
        throw new CorruptLogError(seq, 'a bidder objects after the end');
      const raised = {
        objection,
        bidder,
        raisedBy: bidder === null ? creditCodeOf(event) : withheld,
        raisedAt: event.receivedAt ?? event.at,
        status: 'open',
        answeredAt: null,
        text: field<string>(event, 'text'),
        answer: withheld,
      } as const;
      return { ...s, objections: [...s.objections, raised] };
    }
    case 'ObjectionAnswered': {
      const { objection } = event.body;
      const text = field<string>(event, 'text');
      return changeObjection(s, seq, objection, 'open', { status: 'answered', answer: text, answeredAt: event.at });
    }
    case 'AnswerDisputed':
      return changeObjection(s, seq, event.body.objection, 'answered', { status: 'disputed' });
    case 'CloseProposed':
      return { ...s, closeProposed: event.body.version };
    case 'OpeningClosed':
      if (event.body.version !== s.record?.version)
        throw new CorruptLogError(seq, 'closed another version of the record');
      return enter(s, 'Closed', event.at);
    case 'ReviewOpened':
      if (event.body.version !== s.record?.version || event.body.recordSha256 !== s.record.sha256)
        throw new CorruptLogError(seq, 'reviews another record');
      return enter(s, 'ReviewMeeting', event.at);
    case 'HandedOver':
      return enter(s, 'HandedOver', event.at);
    case 'OpeningArchived':
      return enter(s, 'Archived', event.at);
    case 'OpeningSuspended': {
      if (s.suspended !== null) throw new CorruptLogError(seq, 'suspended twice');
      const { cause, since, reason } = event.body;
      return {
        ...s,
        suspended: { cause, since: parseInstant(since), reason, resumeProposed: false },
        suspensionRequested: false,
      };
    }
    case 'SuspensionRequested':
      return { ...s, suspensionRequested: true };
    case 'ResumeProposed':
      return { ...s, suspended: { ...must(s.suspended, seq, 'not suspended'), resumeProposed: true } };
    case 'OpeningResumed': {
      const { cause, since } = must(s.suspended, seq, 'not suspended');
      const { frozenMs } = event.body;
      if (parseInstant(event.body.since) !== since) throw new CorruptLogError(seq, 'resumed another suspension');
      const outageMs = cause === 'outage' ? frozenMs : 0;
      return {
        ...s,
        suspended: null,
        suspendedByHostMs: s.suspendedByHostMs + (cause === 'host' ? frozenMs : 0),
        window:
          s.window === null || s.window.closed !== null
            ? s.window
            : {
                ...s.window,
                closesAt: shifted(s.window.closesAt, since, frozenMs),
                outageMs: s.window.outageMs + outageMs,
              },
        drawing: s.drawing === null ? null : shiftedDrawing(s.drawing, since, frozenMs),
        remedy: s.remedy === null ? null : shiftedRemedy(s.remedy, since, frozenMs),
        layer: shiftedLayer(s.layer, since, frozenMs),
        quoteRounds: s.quoteRounds.map((round) =>
          round.rows === null ? { ...round, closesAt: shifted(round.closesAt, since, frozenMs) } : round,
        ),
        record: s.record === null ? null : { ...s.record, confirmBy: shifted(s.record.confirmBy, since, frozenMs) },
      };
    }
    case 'QuoteRoundStarted':
    case 'QuoteReceived':
    case 'QuotesReleased':
      return evolveQuotes(s, event);
    case 'HolderKeyOffered':
    case 'OpeningKeyDealt':
    case 'ShareAcknowledged':
    case 'LayerShareGiven':
    case 'LayerShareRefused':
    case 'LayerOpened':
    case 'LayerFailed':
    case 'UnsealingClosed':
      return evolveLayer(s, event);
    case 'DrawingStarted':
    case 'ShareCommitted':
    case 'ShareLeftOut':
    case 'CommitmentsClosed':
    case 'ShareRevealed':
    case 'ShareOpened':
    case 'CoefficientDrawn':
    case 'DrawingVoidProposed':
    case 'DrawingVoided':
      return evolveDrawing(s, event);
    case 'AbortProposed':
      return { ...s, abortProposedBy: event.body.by };
    case 'OpeningAborted':
      return { ...enter(s, 'Aborted', event.at), suspended: null };
  }
}

/** Is it the very key whose holders were dealt their shares? Asked of every fold: a client that follows the log seals to no other. */
function isDealtKey({ key }: Layer, { kid, key: opened }: Pick<Window, 'kid' | 'key'>): boolean {
  const dealt = key?.windowKey;
  return dealt != null && dealt.kid === kid && canonicalise(dealt.key) === canonicalise(opened);
}

function heard(s: OpeningState, seq: number, bidder: number): OpeningState {
  return changeBid(s, seq, bidder, (b) => ({ ...b, messages: b.messages + 1 }));
}

function decided(
  s: OpeningState,
  seq: number,
  bidder: number,
  attempt: number,
  outcome: Bid['attempts'][number]['outcome'],
): OpeningState {
  return changeBid(s, seq, bidder, (b) => {
    if (b.attempts[attempt - 1]?.outcome !== 'undecided') throw new CorruptLogError(seq, 'no such attempt waits');
    const attempts = b.attempts.map((a): Bid['attempts'][number] => {
      if (a.attempt === attempt) return { ...a, outcome };
      // one key has opened the bid: of those that came beside it nobody has to know
      return outcome === 'decrypted' && a.outcome === 'undecided' ? { ...a, outcome: 'not_needed' } : a;
    });
    return { ...b, attempts };
  });
}

function answered(
  s: OpeningState,
  { seq, at, receivedAt }: LoggedEvent,
  body: { bidder: number; version: number; recordSha256: string },
  kind: 'signed' | 'refused',
): OpeningState {
  if (s.record?.version !== body.version || s.record.sha256 !== body.recordSha256)
    throw new CorruptLogError(seq, 'answers another record');
  return changeBid(s, seq, body.bidder, (b) => ({
    ...b,
    answer: { version: body.version, kind, at: receivedAt ?? at },
  }));
}

function changeObjection(
  s: OpeningState,
  seq: number,
  number: number,
  from: OpeningState['objections'][number]['status'],
  change: Partial<OpeningState['objections'][number]>,
): OpeningState {
  if (s.objections[number - 1]?.status !== from) throw new CorruptLogError(seq, `objection ${number} is not ${from}`);
  return { ...s, objections: s.objections.map((o) => (o.objection === number ? { ...o, ...change } : o)) };
}

/**
 * A disclosure that came after its entry: what `BidsSealed` withheld until the roster, or what is shown to its owner alone.
 *
 * Shape:  `about` is the entry's body.
 * Throws: CorruptLogError when the value has not the shape of its field.
 * Why:    a viewer who was there from the start and one who came later end with the same state.
 */
export function learn(
  state: OpeningState,
  type: EventType,
  name: string,
  value: unknown,
  about: object = {},
): OpeningState {
  if (!fitsField(type, name, value)) throw new CorruptLogError(state.size, `${type} discloses no such ${name}`);
  if (type === 'BidsSealed' && name === 'lodgements')
    return { ...state, lodgements: { known: true, value: value as readonly Lodgement[] } };
  if (type === 'BidsSealed' && name === 'counts')
    return { ...state, counts: { known: true, value: value as RegisterCounts } };
  const said = { known: true, value: value as string } as const;
  const number = 'objection' in about ? about.objection : null;
  const change = (changed: Partial<Objection>): OpeningState => ({
    ...state,
    objections: state.objections.map((o) => (o.objection === number ? { ...o, ...changed } : o)),
  });
  if (type === 'ObjectionRaised' && name === 'text') return change({ text: said });
  if (type === 'ObjectionAnswered' && name === 'text') return change({ answer: said });
  return state;
}
