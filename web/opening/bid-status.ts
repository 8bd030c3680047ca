/** Where one bid stands, in the one word its tile on the status board shows. */
import type { Verdict } from '../../server/core/opening/findings.ts';
import { isHalfOpen, isWindowBlind } from '../../server/core/opening/layer.ts';
import {
  type Bid,
  isDamaged,
  isDecrypted,
  isUndecided,
  type OpeningState,
  verdictOf,
} from '../../server/core/opening/state.ts';

export const BID_STATUSES = [
  'damaged',
  'sealed',
  'awaited',
  'received',
  'unread',
  'failed',
  'half_open',
  'decrypted',
  'announced',
  'unruled',
  'contested',
  'deemed_revoked',
  'deemed_withdrawn',
  'unknown',
  'revoked',
] as const;
export type BidStatus = (typeof BID_STATUSES)[number];

/** What colour, and with it which icon, goes with a status; the text says the same for those who see neither. */
export const TONES = {
  damaged: 'bad',
  sealed: 'quiet',
  awaited: 'quiet',
  received: 'busy',
  unread: 'busy',
  failed: 'bad',
  half_open: 'busy',
  decrypted: 'good',
  announced: 'good',
  unruled: 'warn',
  contested: 'warn',
  deemed_revoked: 'bad',
  deemed_withdrawn: 'bad',
  unknown: 'warn',
  revoked: 'bad',
} as const satisfies Record<BidStatus, 'quiet' | 'busy' | 'good' | 'warn' | 'bad'>;
export type Tone = (typeof TONES)[BidStatus];

/** The status of a bid in this state; total. */
export function bidStatus(state: OpeningState, bid: Bid): BidStatus {
  if (isHalfOpen(bid)) return 'half_open';
  if (isDecrypted(bid)) return hasPrice(state, bid) ? 'announced' : 'decrypted';
  if (isUndecided(bid)) return isWindowBlind(state) ? 'unread' : 'received';
  if (bid.revokedAt !== null) return 'revoked';
  if (bid.contestOpen) return 'contested';
  const verdict: Verdict | null = verdictOf(bid);
  if (verdict !== null) return verdict;
  if (isDamaged(state, bid) && state.window?.closed == null) return 'damaged';
  if (state.window === null) return 'sealed';
  if (state.window.closed !== null) return 'unruled';
  return bid.attempts.length > 0 ? 'failed' : 'awaited';
}

function hasPrice(state: OpeningState, bid: Bid): boolean {
  return state.prices?.known === true && state.prices.value.some((row) => row.bidder === bid.bidder);
}

/** How many bids stand where, statuses without a bid left out, in the order of `BID_STATUSES`. */
export function statusCounts(state: OpeningState): { status: BidStatus; count: number }[] {
  const statuses = state.bids.map((bid) => bidStatus(state, bid));
  return BID_STATUSES.map((status) => ({ status, count: statuses.filter((s) => s === status).length })).filter(
    ({ count }) => count > 0,
  );
}

/** The bidder's name where roster and numbers are known to this viewer, else null. */
export function nameOf(state: OpeningState, bidder: number): string | null {
  const { roster, numbers } = state;
  if (!roster.known || !numbers.known) return null;
  const place = placesOf(numbers.value).get(bidder);
  return place === undefined ? null : (roster.value[place]?.name ?? null);
}

const places = new WeakMap<readonly number[], ReadonlyMap<number, number>>();

/** Where each number stands; the list stays the same from one state to the next, and is gone through once. */
function placesOf(numbers: readonly number[]): ReadonlyMap<number, number> {
  const known = places.get(numbers);
  if (known !== undefined) return known;
  const made = new Map(numbers.map((number, place) => [number, place]));
  places.set(numbers, made);
  return made;
}
