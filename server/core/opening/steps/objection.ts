// Objections 异议: raised in the open, answered at once by those who conduct, disputed on the record (条例44, 60).
import { formatInstant } from '../../log/instant.ts';
import type { Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import { bidOf } from '../state.ts';

/** How many objections one bidder may raise in one opening. */
export const MAX_OBJECTIONS_PER_BIDDER = 20;
/** A complaint is due within ten days of the objection's answer (条例60). */
export const COMPLAINT_MS = 10 * 24 * 60 * 60_000;

export const raiseObjection: Step<'RaiseObjection'> = (state, { data, actor }) => {
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  const mine = state.objections.filter((o) => o.bidder === bid.bidder);
  if (mine.length >= MAX_OBJECTIONS_PER_BIDDER) return refuse('too_many_objections');
  const body = { objection: state.objections.length + 1, bidder: bid.bidder };
  return { events: [{ type: 'ObjectionRaised', body, fields: { text: data.text } }] };
};

export const answerObjection: Step<'AnswerObjection'> = (state, { data }) => {
  const objection = state.objections[data.objection - 1];
  if (objection === undefined) return refuse('no_such_objection');
  if (objection.status !== 'open') return refuse('objection_not_open');
  return { events: [{ type: 'ObjectionAnswered', body: { objection: data.objection }, fields: { text: data.text } }] };
};

export const disputeAnswer: Step<'DisputeAnswer'> = (state, { data, actor }) => {
  const objection = state.objections[data.objection - 1];
  if (objection === undefined) return refuse('no_such_objection');
  if (objection.bidder !== actor.bidder) return refuse('not_your_objection');
  if (objection.status === 'open' || objection.answeredAt === null) return refuse('objection_not_answered');
  if (objection.status === 'disputed') return refuse('objection_not_open');
  const complainBy = formatInstant(objection.answeredAt + COMPLAINT_MS);
  const body = { objection: data.objection, bidder: objection.bidder, complainBy };
  return { events: [{ type: 'AnswerDisputed', body, fields: { reason: data.reason } }] };
};
