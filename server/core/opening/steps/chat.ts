// What is said in the room: the public chat, a bidder's own thread with the host, and who is muted; all of it on the log.
import type { Decision, Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import { bidOf } from '../state.ts';

/** Messages of one bidder, public and private together: a right to ask, not to drown the log. */
export const MAX_MESSAGES_PER_BIDDER = 200;

function inPrivate(bidder: number, by: 'bidder' | 'host', text: string): Decision {
  return { events: [{ type: 'SaidInPrivate', body: { bidder, by }, fields: { text } }] };
}

/**
 * A message.
 *
 * Source: domain §3. Before the roster only the host is heard, and to all: whoever else spoke would show who is there (20号令21).
 * Why:    muting silences a bidder in the public chat alone; its thread with the host and its objections stay open.
 */
export const sayMessage: Step<'Say'> = (state, { data, actor }) => {
  const { text, to } = data;
  const hasRoster = state.bids.length > 0;
  if (!hasRoster && actor.role !== 'host') return refuse('too_early');
  if (actor.role !== 'bidder') {
    if (to === 'all') return { events: [{ type: 'Said', body: { bidder: null }, fields: { text } }] };
    if (actor.role !== 'host' || to === 'host') return refuse('no_such_thread');
    if (!hasRoster) return refuse('too_early');
    return bidOf(state, to) === undefined ? refuse('no_such_bidder') : inPrivate(to, 'host', text);
  }
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (to !== 'all' && to !== 'host') return refuse('no_such_thread');
  if (to === 'all' && bid.muted) return refuse('you_are_muted');
  if (bid.messages >= MAX_MESSAGES_PER_BIDDER) return refuse('too_many_messages');
  if (to === 'host') return inPrivate(bid.bidder, 'bidder', text);
  return { events: [{ type: 'Said', body: { bidder: bid.bidder }, fields: { text } }] };
};

export const mute: Step<'Mute'> = (state, { data }) => {
  const bid = bidOf(state, data.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (bid.muted) return refuse('already_muted');
  return { events: [{ type: 'Muted', body: { bidder: bid.bidder }, fields: { reason: data.reason } }] };
};

export const unmute: Step<'Unmute'> = (state, { data }) => {
  const bid = bidOf(state, data.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (!bid.muted) return refuse('not_muted');
  return { events: [{ type: 'Unmuted', body: { bidder: bid.bidder }, fields: {} }] };
};
