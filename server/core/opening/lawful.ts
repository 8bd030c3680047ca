// What decide would have asked before it let an event onto the log, said for a reader who has only the log: clear values, no command, no facts.
import { canonicalise } from '../log/canonical.ts';
import { formatInstant, parseInstant } from '../log/instant.ts';
import { archiveDueAt, hostSuspensionEndsAt } from './alarms.ts';
import { evidenceOf, isOthersFault, proposeVerdict } from './attribution.ts';
import { type CommandType, OPEN_WHILE_SUSPENDED } from './commands.ts';
import { effectsOf } from './correction.ts';
import { isErasedAsProposed, isGroundThere, openErasures } from './erasure.ts';
import type { LoggedEvent } from './events.ts';
import { isLawfulDrawing } from './lawful-drawing.ts';
import { isLawfulLayer, isLawfulOutcome, isTimeForShares } from './lawful-layer.ts';
import { isHalfOpen, isWindowBlind, waitingBids } from './layer.ts';
import { CREATION, ORIGINS, type Origin } from './origins.ts';
import { quotingBids, runningRound } from './quote-rounds.ts';
import { isRemediable, leftToRemedy } from './remedy.ts';
import type { Role } from './roles.ts';
import { holds, isBothSides, isLast, mayErase, mayGive } from './staff.ts';
import { bidOf, isDecrypted, isGivenUp, isUndecided, isUnsettled, type OpeningState, verdictOf } from './state.ts';
import { MAX_MESSAGES_PER_BIDDER } from './steps/chat.ts';
import { isAsShown } from './steps/correction.ts';
import { isDrawOpen } from './steps/drawing.ts';
import { ceremonyHindrance } from './steps/layer.ts';
import { isAnyOpen } from './steps/objection.ts';
import { isDue } from './steps/point.ts';
import { isQuotingOpen } from './steps/quotes.ts';
import { hindranceToClose } from './steps/record.ts';
import { isInOrder, isNewFinding, isScanTime } from './steps/scan.ts';
import { hasLawfulLead } from './steps/sealing.ts';
import { holdersOf, isAnyUndecided, isDone, standingOf } from './steps/window.ts';

/** May an event like this come while the opening is suspended? */
function isOpenNow(before: OpeningState, event: LoggedEvent): boolean {
  const origins: readonly Origin[] = ORIGINS[event.type];
  return (
    before.suspended === null ||
    origins.some((origin) => origin !== CREATION && OPEN_WHILE_SUSPENDED.has(origin satisfies CommandType))
  );
}

/**
 * Whether the rules allowed this event in the state before it, as far as clear values tell.
 *
 * Shape:   `role` is the entry's actor. Phases are not asked again: the fold has already held the event against them.
 * Returns: true where nothing speaks against it; total.
 * Why:     the recorder asked decide before it signed. Whoever distrusts the recorder asks again, from the log alone.
 */
export function isLawful(before: OpeningState, event: LoggedEvent, role: string): boolean {
  if (!isOpenNow(before, event)) return false;
  const { policy, window, bids } = before;
  switch (event.type) {
    case 'RoleAssigned': {
      const { account } = event.fields;
      const isTold = before.staff.known && account?.known === true;
      const isTwice =
        isTold &&
        (isBothSides(before.staff.value, String(account.value), event.body.role) ||
          holds(before.staff.value, String(account.value), event.body.role));
      const isOver = before.phase === 'Archived' && !mayErase(event.body.role);
      return mayGive(role as Role, event.body.role) && !isTwice && !isOver;
    }
    case 'RoleWithdrawn': {
      const { account } = event.fields;
      const isTold = before.staff.known && account?.known === true;
      const isHis = !isTold || holds(before.staff.value, String(account.value), event.body.role);
      const isLeft = !before.staff.known || !isLast(before.staff.value, event.body.role, before.phase === 'Draft');
      return mayGive(role as Role, event.body.role) && isHis && isLeft;
    }
    case 'OpeningPublished':
      return (
        event.body.checkInOpensAt === formatInstant(before.deadlineAt - policy.checkInLeadMs) &&
        ceremonyHindrance(before) === null
      );
    case 'OpeningPostponed':
      return (event.receivedAt ?? event.at) < before.deadlineAt;
    case 'OpeningRescheduled': {
      const deadlineAt = parseInstant(event.body.deadlineAt);
      const checkInOpensAt = deadlineAt - policy.checkInLeadMs;
      const isLead = hasLawfulLead(before.profile, { deadlineAt, checkInOpensAt }, event.receivedAt ?? event.at);
      return isLead && deadlineAt > before.deadlineAt && event.body.checkInOpensAt === formatInstant(checkInOpensAt);
    }
    case 'CheckInOpened': {
      const due = before.checkInOpensAt;
      return due !== null && event.at >= due && event.body.effectiveAt === formatInstant(due);
    }
    case 'BidsSealed':
      return event.at >= before.deadlineAt;
    case 'TenderFailed':
      if (event.body.reason === 'too_few_bidders') return before.phase === 'Sealed' && role === 'clock';
      return before.phase === 'Attribution' && role === 'host' && !bids.some(isDecrypted) && !bids.some(isUnsettled);
    case 'RosterPublished':
      return event.body.count >= policy.minimumBidders;
    case 'EnvelopesScanned': {
      const { damaged, atSealing } = event.body;
      const isFirst = before.scan === null;
      return (
        isScanTime(before) &&
        isInOrder(damaged) &&
        isNewFinding(before, damaged) &&
        isFirst === (atSealing !== undefined) &&
        (atSealing ?? []).every(({ bidder }) => bidOf(before, bidder) !== undefined)
      );
    }
    case 'WindowOpened':
      return (
        windowLength(event.body) === policy.decryptionWindowMs &&
        !isDrawOpen(before) &&
        event.body.holders.join() === holdersOf(before).join()
      );
    case 'WindowExtended':
      return window !== null && window.extendedMs + event.body.extraMs <= policy.maxExtensionMs;
    case 'DecryptionReceived': {
      const bid = bidOf(before, event.body.bidder);
      const isInTime = window !== null && standingOf(window, event.receivedAt ?? event.at) === 'open';
      const isFree = bid !== undefined && (!isUndecided(bid) || isWindowBlind(before));
      return isInTime && isFree && !isDecrypted(bid) && bid.revokedAt === null;
    }
    case 'QuoteRoundStarted': {
      const rules = policy.quoteRounds;
      if (rules === undefined || before.quoteRounds.length >= rules.maxRounds) return false;
      return event.body.closesAt === formatInstant(event.at + rules.roundMs);
    }
    case 'QuoteReceived': {
      const running = runningRound(before);
      return running !== null && standingOf(running, event.receivedAt ?? event.at) === 'open';
    }
    case 'QuotesReleased': {
      const closesAt = runningRound(before)?.closesAt ?? event.at + 1;
      const { effectiveAt, quoted, declined } = event.body;
      const isDue = event.at >= closesAt && effectiveAt === formatInstant(closesAt);
      return isDue && quoted + declined === quotingBids(before).length;
    }
    case 'RemedyOpened': {
      const { opensAt, closesAt, bids: numbers } = event.body;
      if (policy.remedy === 'none' || before.remedy !== null) return false;
      if (windowLength({ opensAt, closesAt }) !== policy.remedy.windowMs) return false;
      return (
        numbers.join() ===
        bids
          .filter(isRemediable)
          .map((bid) => bid.bidder)
          .join()
      );
    }
    case 'BackupReceived': {
      const bid = bidOf(before, event.body.bidder);
      const isInTime = before.remedy !== null && standingOf(before.remedy, event.receivedAt ?? event.at) === 'open';
      const isFree = bid !== undefined && (!isUndecided(bid) || isWindowBlind(before));
      return isInTime && isFree && leftToRemedy(before).includes(bid);
    }
    case 'RemedyClosed': {
      const { remedy } = before;
      if (remedy === null || isAnyUndecided(before) || !isTimeForShares(before, event)) return false;
      return event.at >= remedy.closesAt
        ? event.body.effectiveAt === formatInstant(remedy.closesAt)
        : leftToRemedy(before).length === 0;
    }
    case 'WindowClosed': {
      const { effectiveAt, why } = event.body;
      if (window === null || isAnyUndecided(before) || !isTimeForShares(before, event)) return false;
      const early = isWindowBlind(before) ? 'all_received' : 'all_decrypted';
      if (why !== 'time')
        return (
          why === early && bids.every((bid) => isDone(before, bid)) && effectiveAt <= formatInstant(window.closesAt)
        );
      return event.at >= window.closesAt && effectiveAt === formatInstant(window.closesAt);
    }
    case 'AttributionProposed': {
      const bid = bidOf(before, event.body.bidder);
      if (bid === undefined || isDecrypted(bid) || isGivenUp(bid) || waitingBids(before).length > 0) return false;
      const evidence = evidenceOf(before, bid);
      return (
        canonicalise(event.body.evidence) === canonicalise(evidence) && event.body.verdict === proposeVerdict(evidence)
      );
    }
    case 'RulingGiven': {
      const bid = bidOf(before, event.body.bidder);
      if (bid === undefined || isDecrypted(bid) || isGivenUp(bid) || event.body.by !== role) return false;
      if (event.body.verdict === 'deemed_revoked' && isOthersFault(before, bid)) return false;
      const verdict = verdictOf(bid);
      return verdict === null || verdict === 'unknown';
    }
    case 'RulingContested': {
      const bid = bidOf(before, event.body.bidder);
      return bid !== undefined && !isGivenUp(bid) && verdictOf(bid) !== null;
    }
    case 'PricesAnnounced': {
      const opened = bids.filter(isDecrypted).length;
      const isAll = event.body.count === opened && opened > 0 && !bids.some(isUnsettled);
      return isAll && event.body.ceilingPrice === policy.ceilingPrice;
    }
    case 'RecordIssued':
      // never less time to answer than was promised
      return (
        event.body.confirmBy >= formatInstant(event.at + policy.confirmationMs) &&
        !isDrawOpen(before) &&
        !isQuotingOpen(before)
      );
    case 'RecordSigned':
    case 'RecordRefused': {
      const { record } = before;
      const bid = bidOf(before, event.body.bidder);
      return (
        record !== null && !record.timedOut && bid?.answer === null && (event.receivedAt ?? event.at) < record.confirmBy
      );
    }
    case 'ConfirmationsTimedOut': {
      const confirmBy = before.record?.confirmBy ?? event.at + 1;
      return event.at >= confirmBy && event.body.effectiveAt === formatInstant(confirmBy);
    }
    case 'ObjectionRaised': {
      // a bidder's own has its number; one from before the roster follows what ended the waiting, before anything else is said
      if (role === 'bidder') return event.body.bidder !== null;
      const isUntold = before.phase === 'RosterPublished' || event.body.bidder === null;
      return isUntold && before.lastAt === event.at && before.objections.every((o) => o.status === 'open');
    }
    case 'AnswerDisputed':
      return before.objections[event.body.objection - 1]?.bidder === event.body.bidder;
    case 'CloseProposed':
    case 'OpeningClosed': {
      const { version, recordSha256 } = event.body;
      const isProposed = event.type === 'CloseProposed' || before.closeProposed === version;
      const isThis = before.record?.version === version && before.record.sha256 === recordSha256;
      // whether the head was cosigned is a matter of the checkpoint; that it was not waited for long enough, of the entries
      const cosigned = event.type === 'CloseProposed' || event.body.uncosigned !== true;
      const isForeseen = cosigned || before.cosigners.quorum > 0;
      return isProposed && isThis && isForeseen && hindranceToClose(before, { cosigned, at: event.at }) === null;
    }
    case 'OpeningArchived': {
      const reasons = { HandedOver: 'handed_over', Failed: 'failed', Aborted: 'aborted' } as const;
      const due = archiveDueAt(before);
      if (isAnyOpen(before)) return false;
      return (
        event.at >= due && Object.entries(reasons).some((r) => r[0] === before.phase && r[1] === event.body.reason)
      );
    }
    case 'OpeningSuspended': {
      const { cause, since } = event.body;
      if (since > formatInstant(event.at)) return false;
      const isClock = cause === 'outage' || cause === 'outage_across_deadline';
      if (role !== (isClock ? 'clock' : cause)) return false;
      if (!isClock && since < formatInstant(event.receivedAt ?? event.at)) return false;
      return cause !== 'host' || before.suspendedByHostMs < policy.maxSuspensionMs;
    }
    case 'OpeningResumed': {
      const { suspended } = before;
      if (suspended === null || event.body.frozenMs > event.at - suspended.since) return false;
      if (suspended.cause === 'outage_across_deadline') return role === 'witness' && suspended.resumeProposed;
      const endsAt = hostSuspensionEndsAt(before);
      if (role === 'clock') return endsAt !== null && event.at >= endsAt;
      return role === 'supervisor' || (role === 'host' && suspended.cause !== 'supervisor');
    }
    case 'ResumeProposed':
      return before.suspended?.cause === 'outage_across_deadline' && role === 'host';
    case 'OpeningAborted':
      if (event.body.by === 'supervisor') return role === 'supervisor';
      return before.abortProposedBy !== null && role !== before.abortProposedBy && role !== 'supervisor';
    case 'BidRevoked': {
      const bid = bidOf(before, event.body.bidder);
      return bid !== undefined && !isUndecided(bid) && !isHalfOpen(bid);
    }
    case 'DrawingStarted':
    case 'ShareCommitted':
    case 'ShareLeftOut':
    case 'CommitmentsClosed':
    case 'ShareRevealed':
    case 'ShareOpened':
    case 'CoefficientDrawn':
    case 'DrawingVoidProposed':
    case 'DrawingVoided':
      return isLawfulDrawing(before, event, role);
    case 'HolderKeyOffered':
    case 'OpeningKeyDealt':
    case 'ShareAcknowledged':
    case 'LayerShareGiven':
    case 'LayerShareRefused':
    case 'LayerOpened':
    case 'LayerFailed':
    case 'UnsealingClosed':
      return isLawfulLayer(before, event, role);
    case 'BidDecrypted':
    case 'DecryptionFailed':
      return isLawfulOutcome(before, event, role);
    case 'CorrectionProposed': {
      const { by, correction, effects } = event.body;
      return by === role && isAsShown(effects, effectsOf(before, correction));
    }
    case 'CorrectionMade': {
      const standing = before.corrections[event.body.number - 1];
      if (standing === undefined || event.body.by !== role || standing.by === role) return false;
      return isAsShown(standing.effects, effectsOf(before, standing.correction));
    }
    case 'ErasureProposed': {
      const { by, basis, seq, field } = event.body;
      const isNew = !openErasures(before).some((one) => one.seq === seq && one.field === field);
      return by === role && isNew && isGroundThere(before, basis, event.at);
    }
    case 'Erased':
      return event.body.by === role && isErasedAsProposed(before, event.body);
    case 'PointAcknowledged': {
      const { point } = event.body;
      return policy.witnessPoints.includes(point) && isDue(before, point);
    }
    case 'Said': {
      const { bidder } = event.body;
      if (bidder === null) return role === 'host' || (role !== 'bidder' && bids.length > 0);
      const bid = bidOf(before, bidder);
      return role === 'bidder' && bid !== undefined && !bid.muted && bid.messages < MAX_MESSAGES_PER_BIDDER;
    }
    case 'SaidInPrivate': {
      const { bidder, by } = event.body;
      return by === role && (by === 'host' || (bidOf(before, bidder)?.messages ?? 0) < MAX_MESSAGES_PER_BIDDER);
    }
    case 'Muted':
      return bidOf(before, event.body.bidder)?.muted === false;
    case 'Unmuted':
      return bidOf(before, event.body.bidder)?.muted === true;
    case 'NoticeAcknowledged': {
      const { notice, bidder, by } = event.body;
      const isNew = before.notices[notice - 1]?.acknowledgedBy.includes(bidder ?? by) === false;
      const isNumbered = by === 'bidder' ? bidder !== null && bidOf(before, bidder) !== undefined : bidder === null;
      return by === role && isNew && isNumbered;
    }
    case 'OpeningCreated':
    case 'DraftAmended':
    case 'ChallengeAcknowledged':
    case 'AttemptRefused':
    case 'NoticeGiven':
    case 'ReviewOpened':
    case 'ObjectionAnswered':
    case 'HandedOver':
    case 'SuspensionRequested':
    case 'AbortProposed':
      return true;
  }
}

function windowLength({ opensAt, closesAt }: { readonly opensAt: string; readonly closesAt: string }): number {
  return parseInstant(closesAt) - parseInstant(opensAt);
}
