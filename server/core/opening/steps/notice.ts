// Notices by the host, and the signed word of those concerned that one has reached them.
import type { Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import type { Actor } from '../roles.ts';
import { bidOf } from '../state.ts';

/** What everyone must know and no event says by itself: a clarification, a change after publication (domain §2, Scheduled). */
export const giveNotice: Step<'GiveNotice'> = (_state, { data }) => ({
  events: [{ type: 'NoticeGiven', body: {}, fields: { text: data.text } }],
});

function speakerOf({ role }: Actor): 'bidder' | 'tenderer' | 'witness' | 'supervisor' {
  return role === 'tenderer' || role === 'witness' || role === 'supervisor' ? role : 'bidder';
}

/** Before the roster a bidder's word goes to the register (`AcknowledgeEarlyNotice`): on the log it would tell that there is one. */
export const acknowledgeNotice: Step<'AcknowledgeNotice'> = (state, { data, actor }) => {
  const notice = state.notices[data.notice - 1];
  if (notice === undefined) return refuse('no_such_notice');
  const by = speakerOf(actor);
  if (by === 'bidder' && state.bids.length === 0) return refuse('too_early');
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (by === 'bidder' && bid === undefined) return refuse('no_such_bidder');
  if (notice.acknowledgedBy.includes(bid?.bidder ?? by)) return { events: [] };
  const body = { notice: data.notice, bidder: bid?.bidder ?? null, by };
  return { events: [{ type: 'NoticeAcknowledged', body, fields: {} }] };
};
