/** The words of an opening key held in shares, in English. */
import type { Key } from './words-zh.ts';

export const en: Readonly<Record<Key, string>> = {
  layer: 'Opening key',
  layerWords:
    'The key is held in shares by tenderer, host and witness; with fewer than the policy says nobody opens a bid, the platform included.',
  blindWords:
    'The key of the window is held in shares; until the window is over and its holders give them, nobody opens what was received, the platform included.',
  rule: '{k} of {holders} shares open it',
  offered: 'has offered a key',
  dealt: 'dealt; its holder has still to look at it',
  acknowledged: 'looked at and acknowledged',
  given: 'has given the share',
  missing: 'has not given the share yet',
  wrong: 'has given a share that is not the one dealt',
  holder: 'Holder {n}',
  notDealt: 'Not dealt yet: {n} have offered a key, the policy asks for {holders}',
  progressAcknowledged: '{n} of {count} acknowledged',
  progressGiven: '{n} given, {k} needed',
  until: 'shares are given until {time}',
  enough: 'Enough shares are there; the platform is opening the bids',
  closed: 'Over: {n} were given, {k} needed',
};
