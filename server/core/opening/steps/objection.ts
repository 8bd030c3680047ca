// Objections 异议: raised in the open, answered at once by those who conduct, disputed on the record (条例44, 60).
import { formatInstant } from '../../log/instant.ts';
import type { Step } from '../decision.ts';
import type { NewEvent } from '../events.ts';
import type { RegisterFacts } from '../facts.ts';
import { refuse } from '../refusals.ts';
import { bidOf, type OpeningState } from '../state.ts';

/** How many objections one bidder may raise in one opening. */
export const MAX_OBJECTIONS_PER_BIDDER = 20;
/** A complaint is due within ten days of the objection's answer (条例60). */
export const COMPLAINT_MS = 10 * 24 * 60 * 60_000;

/**
 * What was objected before the roster and waits on the register, as entries that follow the one that ends the waiting.
 *
 * Shape:   `numberOf` gives the bidder number of a credit code, null where it has none: no standing bid, or no roster.
 * Returns: one event each, counted from 1 in the order in which they were received: nothing stood on the log before them.
 * Source:  domain §2; 条例44 asks for an answer to each, and 条例60 for an objection before a complaint. So they also enter when the
 *          tender fails or is terminated before its roster; there nobody has a number, and nobody but those who conduct reads them.
 * Why:     an entry of its own and no list in another: it is answered and disputed like every other objection. It tells nothing of
 *          bids, since anyone with a certificate may object.
 */
export function earlyObjections(
  early: RegisterFacts['earlyObjections'],
  numberOf: (creditCode: string) => number | null,
): NewEvent[] {
  return early.map(({ creditCode, text, act, who, source }, i) => ({
    type: 'ObjectionRaised',
    body: { objection: i + 1, bidder: numberOf(creditCode) },
    fields: { text, act, who, source },
  }));
}

/** Is an objection still waiting for its answer? */
export function isAnyOpen({ objections }: Pick<OpeningState, 'objections'>): boolean {
  return objections.some((o) => o.status === 'open');
}

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

/** Of the bidder who objected; of one without a number, the company that the recorder finds behind the entry. */
export const disputeAnswer: Step<'DisputeAnswer'> = (state, { data, actor }, facts) => {
  const objection = state.objections[data.objection - 1];
  if (objection === undefined) return refuse('no_such_objection');
  const isOwn =
    objection.bidder === null ? facts.ownObjections.includes(objection.objection) : objection.bidder === actor.bidder;
  if (!isOwn) return refuse('not_your_objection');
  if (objection.status === 'open' || objection.answeredAt === null) return refuse('objection_not_answered');
  if (objection.status === 'disputed') return refuse('objection_not_open');
  const complainBy = formatInstant(objection.answeredAt + COMPLAINT_MS);
  const body = { objection: data.objection, bidder: objection.bidder, complainBy };
  return { events: [{ type: 'AnswerDisputed', body, fields: { reason: data.reason } }] };
};
