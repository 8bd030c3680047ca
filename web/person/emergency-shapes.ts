/** What acts out of the ordinary stand on: what of the opening is to be read before they are signed. */
import { isRemediable } from '../../server/core/opening/remedy.ts';
import { isDecrypted, type OpeningState } from '../../server/core/opening/state.ts';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import type { Shape, Shaping } from './act-rows.ts';

type About = NonNullable<Shape['about']>;

const MS_A_MINUTE = 60_000;
const minutes = (ms: number): string => String(Math.floor(ms / MS_A_MINUTE));
const numbered = (bids: readonly { readonly bidder: number }[]): string => bids.map(({ bidder }) => bidder).join(', ');
const reason = { name: 'reason', kind: 'text' } as const;

/** The bids that are open, of how many, and which are not. */
export function unopened({ bids }: Pick<OpeningState, 'bids'>): About {
  const closed = bids.filter((bid) => !isDecrypted(bid));
  const opened = ['openedBids', `${bids.length - closed.length} / ${bids.length}`] as const;
  return closed.length === 0 ? [opened] : [opened, ['unopenedBids', numbered(closed)]];
}

/** By how much the window was extended, and by how much it may be at most, in minutes. */
export function extended({ window, policy }: Pick<OpeningState, 'window' | 'policy'>): About {
  return [['extendedSoFar', `${minutes(window?.extendedMs ?? 0)} / ${minutes(policy.maxExtensionMs)}`]];
}

/** A host has so many minutes in all; a supervisor's order has no such limit. */
export const suspendOpening: Shaping = ({ state, role }) => {
  if (state.suspended !== null) return null;
  const { policy, suspendedByHostMs } = state;
  const left: About = [['suspendLeft', minutes(Math.max(0, policy.maxSuspensionMs - suspendedByHostMs))]];
  return { fields: [reason], about: role === 'host' ? left : [] };
};

export const resumeOpening: Shaping = ({ state: { suspended } }) => {
  if (suspended === null) return null;
  const since = ['suspendedSince', dayTimeText(suspended.since, language.value)] as const;
  return { fields: [reason], about: suspended.reason === null ? [since] : [since, ['reason', suspended.reason]] };
};

export const openRemedy: Shaping = ({ state }) => {
  if (state.policy.remedy === 'none') return null;
  const bids = state.bids.filter(isRemediable);
  return { fields: [], about: bids.length === 0 ? [] : [['remedyBids', numbered(bids)]] };
};
