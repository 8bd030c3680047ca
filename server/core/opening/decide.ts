// The opening's rules: a command either becomes events or is refused, in the order role → phase → suspension → its own checks.
import { COMMANDS, type Command, OPEN_WHILE_SUSPENDED } from './commands.ts';
import type { Decision } from './decision.ts';
import type { Facts } from './facts.ts';
import { phaseCell } from './phases.ts';
import { refuse } from './refusals.ts';
import type { Role } from './roles.ts';
import type { OpeningState } from './state.ts';
import { announcePrices, contestRuling, declareFailed, giveRuling } from './steps/attribution.ts';
import { mute, sayMessage, unmute } from './steps/chat.ts';
import { confirmCorrection, proposeCorrection } from './steps/correction.ts';
import {
  closeCommitments,
  closeReveals,
  commitShare,
  revealShare,
  startDrawing,
  voidDrawing,
} from './steps/drawing.ts';
import { confirmErasure, proposeErasure } from './steps/erasure.ts';
import {
  acknowledgeShare,
  closeUnsealing,
  dealOpeningKey,
  offerHolderKey,
  recordLayer,
  unsealLayer,
} from './steps/layer.ts';
import { acknowledgeNotice, giveNotice } from './steps/notice.ts';
import { answerObjection, disputeAnswer, raiseObjection } from './steps/objection.ts';
import { acknowledgePoint } from './steps/point.ts';
import { postponeOpening, rescheduleOpening } from './steps/postponement.ts';
import { releaseQuotes, startQuoteRound, submitQuote } from './steps/quotes.ts';
import {
  archiveOpening,
  attestClose,
  handOver,
  issueRecord,
  proposeClose,
  refuseRecord,
  signRecord,
  timeOutConfirmations,
} from './steps/record.ts';
import { closeRemedy, openRemedy, submitBackup } from './steps/remedy.ts';
import { openReview } from './steps/review.ts';
import { revokeBid } from './steps/revocation.ts';
import { recordScan } from './steps/scan.ts';
import { amendDraft, openCheckIn, publishOpening, publishRoster, seal } from './steps/sealing.ts';
import { assignRole, withdrawRole } from './steps/staff.ts';
import {
  confirmAbort,
  confirmResume,
  endSuspension,
  freezeForOutage,
  orderAbort,
  proposeAbort,
  requestSuspension,
  resumeOpening,
  suspendOpening,
} from './steps/suspension.ts';
import {
  acknowledgeChallenge,
  closeWindow,
  decryptBid,
  endWindowEarly,
  extendWindow,
  openWindow,
  recordDecryption,
  recordRefusedAttempt,
} from './steps/window.ts';

/**
 * What follows from a command.
 *
 * Returns: the events to append, or one refusal; total, and pure: the same three arguments give the same answer.
 * Refuses: `role_not_allowed`, then the phase table's cell, then `opening_is_suspended`, then what the step says.
 */
export function decide(state: OpeningState, command: Command, facts: Facts): Decision {
  const roles: readonly Role[] = COMMANDS[command.type].roles;
  if (!roles.includes(command.actor.role)) return refuse('role_not_allowed');
  const cell = phaseCell(state.phase, command.type);
  if (cell !== 'yes') return refuse(cell);
  if (state.suspended !== null && !OPEN_WHILE_SUSPENDED.has(command.type)) return refuse('opening_is_suspended');
  return step(state, command, facts);
}

function step(state: OpeningState, command: Command, facts: Facts): Decision {
  switch (command.type) {
    case 'AmendDraft':
      return amendDraft(state, command, facts);
    case 'AssignRole':
      return assignRole(state, command, facts);
    case 'WithdrawRole':
      return withdrawRole(state, command, facts);
    case 'PublishOpening':
      return publishOpening(state, command, facts);
    case 'OpenCheckIn':
      return openCheckIn(state, command, facts);
    case 'Seal':
      return seal(state, command, facts);
    case 'PostponeOpening':
      return postponeOpening(state, command, facts);
    case 'RescheduleOpening':
      return rescheduleOpening(state, command, facts);
    case 'CorrectEmergency':
      return proposeCorrection(state, command, facts);
    case 'ConfirmCorrection':
      return confirmCorrection(state, command, facts);
    case 'ProposeErasure':
      return proposeErasure(state, command, facts);
    case 'ConfirmErasure':
      return confirmErasure(state, command, facts);
    case 'AcknowledgePoint':
      return acknowledgePoint(state, command, facts);
    case 'Say':
      return sayMessage(state, command, facts);
    case 'Mute':
      return mute(state, command, facts);
    case 'Unmute':
      return unmute(state, command, facts);
    case 'GiveNotice':
      return giveNotice(state, command, facts);
    case 'AcknowledgeNotice':
      return acknowledgeNotice(state, command, facts);
    case 'PublishRoster':
      return publishRoster(state, command, facts);
    case 'RecordScan':
      return recordScan(state, command, facts);
    case 'OpenWindow':
      return openWindow(state, command, facts);
    case 'ExtendWindow':
      return extendWindow(state, command, facts);
    case 'EndWindowEarly':
      return endWindowEarly(state, command, facts);
    case 'AcknowledgeChallenge':
      return acknowledgeChallenge(state, command, facts);
    case 'DecryptBid':
      return decryptBid(state, command, facts);
    case 'RecordDecryption':
      return recordDecryption(state, command, facts);
    case 'RecordRefusedAttempt':
      return recordRefusedAttempt(state, command, facts);
    case 'CloseWindow':
      return closeWindow(state, command, facts);
    case 'RevokeBid':
      return revokeBid(state, command, facts);
    case 'GiveRuling':
      return giveRuling(state, command, facts);
    case 'ContestRuling':
      return contestRuling(state, command, facts);
    case 'DeclareFailed':
      return declareFailed(state, command, facts);
    case 'AnnouncePrices':
      return announcePrices(state, command, facts);
    case 'IssueRecord':
      return issueRecord(state, command, facts);
    case 'SignRecord':
      return signRecord(state, command, facts);
    case 'RefuseRecord':
      return refuseRecord(state, command, facts);
    case 'TimeOutConfirmations':
      return timeOutConfirmations(state, command, facts);
    case 'RaiseObjection':
      return raiseObjection(state, command, facts);
    case 'AnswerObjection':
      return answerObjection(state, command, facts);
    case 'DisputeAnswer':
      return disputeAnswer(state, command, facts);
    case 'ProposeClose':
      return proposeClose(state, command, facts);
    case 'AttestClose':
      return attestClose(state, command, facts);
    case 'OpenReview':
      return openReview(state, command, facts);
    case 'HandOver':
      return handOver(state, command, facts);
    case 'ArchiveOpening':
      return archiveOpening(state, command, facts);
    case 'SuspendOpening':
      return suspendOpening(state, command, facts);
    case 'RequestSuspension':
      return requestSuspension(state, command, facts);
    case 'FreezeForOutage':
      return freezeForOutage(state, command, facts);
    case 'ResumeOpening':
      return resumeOpening(state, command, facts);
    case 'EndSuspension':
      return endSuspension(state, command, facts);
    case 'ConfirmResume':
      return confirmResume(state, command, facts);
    case 'OpenRemedy':
      return openRemedy(state, command, facts);
    case 'SubmitBackup':
      return submitBackup(state, command, facts);
    case 'CloseRemedy':
      return closeRemedy(state, command, facts);
    case 'StartQuoteRound':
      return startQuoteRound(state, command, facts);
    case 'SubmitQuote':
      return submitQuote(state, command, facts);
    case 'ReleaseQuotes':
      return releaseQuotes(state, command, facts);
    case 'StartDrawing':
      return startDrawing(state, command, facts);
    case 'CommitShare':
      return commitShare(state, command, facts);
    case 'CloseCommitments':
      return closeCommitments(state, command, facts);
    case 'RevealShare':
      return revealShare(state, command, facts);
    case 'CloseReveals':
      return closeReveals(state, command, facts);
    case 'VoidDrawing':
      return voidDrawing(state, command, facts);
    case 'ProposeAbort':
      return proposeAbort(state, command, facts);
    case 'ConfirmAbort':
      return confirmAbort(state, command, facts);
    case 'OrderAbort':
      return orderAbort(state, command, facts);
    case 'OfferHolderKey':
      return offerHolderKey(state, command, facts);
    case 'DealOpeningKey':
      return dealOpeningKey(state, command, facts);
    case 'AcknowledgeShare':
      return acknowledgeShare(state, command, facts);
    case 'UnsealLayer':
      return unsealLayer(state, command, facts);
    case 'RecordLayer':
      return recordLayer(state, command, facts);
    case 'CloseUnsealing':
      return closeUnsealing(state, command, facts);
  }
}
