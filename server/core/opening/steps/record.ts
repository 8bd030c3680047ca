// The record's versions, each bidder's answer to it, and the end of the opening: closed by host and witness, handed over, archived.
import { formatInstant } from '../../log/instant.ts';
import { archiveDueAt } from '../alarms.ts';
import { COSIGNED_WAIT_MS } from '../cosigners.ts';
import { type Decision, needed, type Step } from '../decision.ts';
import type { Facts } from '../facts.ts';
import { type OpeningRecord, recordDigest } from '../record.ts';
import { buildRecord, publicFormOf, sameContent } from '../record-building.ts';
import { type Refusal, refuse } from '../refusals.ts';
import type { Actor } from '../roles.ts';
import { type Bid, bidOf, changeable, isDecrypted, isGivenUp, type OpeningState, verdictOf } from '../state.ts';
import { isDrawOpen } from './drawing.ts';
import { isAnyOpen } from './objection.ts';
import { unacknowledged } from './point.ts';
import { isQuotingOpen } from './quotes.ts';

/** 20号令32. A correction is version n+1 and voids what was signed on n. */
export const issueRecord: Step<'IssueRecord'> = (state, { data }, facts) => {
  if (isDrawOpen(state)) return refuse('draw_not_done');
  if (isQuotingOpen(state)) return refuse('quotes_missing');
  const register = needed(facts.register, 'the register');
  const version = (state.record?.version ?? 0) + 1;
  const record = buildRecord(state, register, version, data.note);
  const recordSha256 = recordDigest(record, facts.digest);
  const before = state.record?.document;
  if (before?.known === true && sameContent(before.value as OpeningRecord, record)) return refuse('record_unchanged');
  return {
    events: [
      {
        type: 'RecordIssued',
        body: {
          version,
          recordSha256,
          confirmBy: formatInstant(facts.at + state.policy.confirmationMs),
        },
        fields: { record, publicRecord: publicFormOf(record, recordSha256, state.policy) },
      },
    ],
  };
};

type Answer = { readonly version: number; readonly recordSha256: string };

/** The bid of an actor who may answer this version of the record now. */
function answering(state: OpeningState, actor: Actor, data: Answer, facts: Facts): Bid | Refusal {
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (state.record === null) return refuse('no_record_yet');
  if (state.record.version !== data.version || state.record.sha256 !== data.recordSha256)
    return refuse('wrong_record_version');
  if (bid.answer !== null && bid.answer.kind !== 'timed_out') return refuse('already_answered_record');
  if (state.record.timedOut || facts.receivedAt >= state.record.confirmBy) return refuse('confirmation_is_over');
  return bid;
}

export const signRecord: Step<'SignRecord'> = (state, { data, actor }, facts): Decision => {
  const bid = answering(state, actor, data, facts);
  if ('refused' in bid) return bid;
  return { events: [{ type: 'RecordSigned', body: { bidder: bid.bidder, ...data }, fields: {} }] };
};

export const refuseRecord: Step<'RefuseRecord'> = (state, { data, actor }, facts): Decision => {
  const bid = answering(state, actor, data, facts);
  if ('refused' in bid) return bid;
  const { reason, ...answer } = data;
  return { events: [{ type: 'RecordRefused', body: { bidder: bid.bidder, ...answer }, fields: { reason } }] };
};

/** "Not signed, no objection raised": said by the clock, for every bidder who has not answered. */
export const timeOutConfirmations: Step<'TimeOutConfirmations'> = (state, _command, facts) => {
  if (state.record === null) return refuse('no_record_yet');
  if (state.record.timedOut) return refuse('confirmation_is_over');
  if (facts.at < state.record.confirmBy) return refuse('before_its_time');
  if (facts.undecided > 0) return refuse('acts_still_undecided');
  const body = { version: state.record.version, effectiveAt: formatInstant(state.record.confirmBy) };
  return { events: [{ type: 'ConfirmationsTimedOut', body, fields: {} }] };
};

/** What keeps the opening from closing, the first in order; null when nothing does (domain §2, Closed). */
export function hindranceToClose(state: OpeningState, facts: Pick<Facts, 'cosigned' | 'at'>): Refusal | null {
  if (state.record === null) return refuse('no_record_yet');
  if (isAnyOpen(state)) return refuse('objections_open');
  if (unacknowledged(state).length > 0) return refuse('points_unacknowledged');
  const undecrypted = state.bids.filter((bid) => !isDecrypted(bid) && !isGivenUp(bid));
  if (undecrypted.some((bid) => bid.contestOpen)) return refuse('ruling_contested');
  if (undecrypted.some((bid) => verdictOf(bid) === null || verdictOf(bid) === 'unknown'))
    return refuse('verdict_unknown');
  // What was signed must be what is true at the end: a later ruling or objection asks for version n+1.
  const { says } = state.record;
  const now = changeable(state);
  if (now.length !== says.length || now.some((said, i) => said !== says[i])) return refuse('record_outdated');
  if (state.bids.some((bid) => bid.answer === null)) return refuse('confirmations_running');
  if (!facts.cosigned && !isCosigningOverdue(state, facts.at)) return refuse('head_not_cosigned');
  return null;
}

/** Whether the cosigners have had their time for what bears on the close. */
export function isCosigningOverdue({ closingAt }: OpeningState, at: number): boolean {
  return at >= closingAt + COSIGNED_WAIT_MS;
}

export const proposeClose: Step<'ProposeClose'> = (state, _command, facts) => {
  const hindrance = hindranceToClose(state, facts);
  if (hindrance !== null) return hindrance;
  const { version, sha256 } = needed(state.record, 'the record');
  if (state.closeProposed === version) return { events: [] };
  return { events: [{ type: 'CloseProposed', body: { version, recordSha256: sha256 }, fields: {} }] };
};

export const attestClose: Step<'AttestClose'> = (state, { data }, facts) => {
  const hindrance = hindranceToClose(state, facts);
  if (hindrance !== null) return hindrance;
  if (data.version !== state.record?.version || data.recordSha256 !== state.record.sha256)
    return refuse('wrong_record_version');
  if (state.closeProposed !== data.version) return refuse('close_not_proposed');
  const uncosigned = facts.cosigned ? {} : ({ uncosigned: true } as const);
  return { events: [{ type: 'OpeningClosed', body: { ...data, ...uncosigned }, fields: {} }] };
};

export const handOver: Step<'HandOver'> = (_state, _command, facts) => {
  if (facts.manifest === null) return refuse('files_not_ready');
  const { sha256, bids, document } = facts.manifest;
  return { events: [{ type: 'HandedOver', body: { manifestSha256: sha256, bids }, fields: { manifest: document } }] };
};

/** The terminal entry: what was received, and what became of it. receipts = opened + withdrawn + replaced + ruled. */
export const archiveOpening: Step<'ArchiveOpening'> = (state, _command, facts) => {
  if (facts.at < archiveDueAt(state)) return refuse('before_its_time');
  // A tender that failed or was terminated owes its objectors an answer all the same (条例44).
  if (isAnyOpen(state)) return refuse('objections_open');
  const register = facts.register?.counts ?? { receipts: 0, standing: 0, replaced: 0, withdrawn: 0 };
  const opened = state.bids.filter(isDecrypted).length;
  const handedOver = state.phase === 'HandedOver';
  const reason = handedOver ? 'handed_over' : state.phase === 'Failed' ? 'failed' : 'aborted';
  const counts = {
    receipts: register.receipts,
    opened,
    withdrawn: register.withdrawn,
    replaced: register.replaced,
    ruled: state.bids.length - opened,
  };
  return {
    events: [
      {
        type: 'OpeningArchived',
        body: { reason, counts: handedOver ? counts : null },
        fields: { counts: { ...counts, standing: register.standing } },
      },
    ],
  };
};
