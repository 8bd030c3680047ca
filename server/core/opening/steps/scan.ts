// What the platform finds when it reads the stored envelopes through before the window: on the log once behind the roster, and again whenever it differs.
import { canonicalise } from '../../log/canonical.ts';
import type { CommandData } from '../commands.ts';
import type { Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import { bidOf, type OpeningState } from '../state.ts';

type Damaged = CommandData<'RecordScan'>['damaged'];

/**
 * May a scan's finding stand on the log now? From the roster, without which bids have no numbers, to the end of the window.
 *
 * Why: a drawing may come again behind the announcement, when nothing is left to be opened.
 */
export function isScanTime({ phase, window }: Pick<OpeningState, 'phase' | 'window'>): boolean {
  return phase === 'RosterPublished' || ((phase === 'Drawing' || phase === 'Decrypting') && window?.closed == null);
}

/** Does this finding say more than the log says already? */
export function isNewFinding({ scan }: Pick<OpeningState, 'scan'>, damaged: Damaged): boolean {
  return scan === null || canonicalise([...scan.damaged]) !== canonicalise([...damaged]);
}

/** Each bid at most once, in the order of the numbers: one finding has one spelling. */
export function isInOrder(damaged: Damaged): boolean {
  return damaged.every(({ bidder }, i) => i === 0 || bidder > (damaged[i - 1]?.bidder ?? 0));
}

/** A scan that finds nothing new leaves no entry, so that it may be made as often as one likes, also by the next leader. */
export const recordScan: Step<'RecordScan'> = (state, { data: { damaged, atSealing } }) => {
  if (!isScanTime(state)) return refuse('too_late');
  if (damaged.some(({ bidder }) => bidOf(state, bidder) === undefined)) return refuse('no_such_bidder');
  if (!isInOrder(damaged)) throw new Error('a scan names its bids out of order');
  if (!isNewFinding(state, damaged)) return { events: [] };
  const first = state.scan === null ? { atSealing } : {};
  return { events: [{ type: 'EnvelopesScanned', body: { damaged, ...first }, fields: {} }] };
};
