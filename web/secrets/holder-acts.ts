/** What holders of an opening key do: offer a key made here, deal, look at their share, and give it back when the window is over. */
import { sha256 } from '@noble/hashes/sha2.js';
import {
  HOLDER_KEY_FILE,
  type HolderKey,
  makeHolderKey,
  type OwnShare,
  openDealtShare,
  readHolderKey,
  shareToGive,
} from '../../server/client/holder-key.ts';
import { blindRules, shareKeyOf, sharingRules } from '../../server/core/opening/layer.ts';
import { MadeActError } from './made-act-error.ts';
import type { Maker, Making } from './made-acts.ts';

/**
 * A key is made once in an opening, and kept before it is offered.
 *
 * Throws: MadeActError not_kept where the browser keeps nothing: what is sealed to a lost key is lost.
 */
export const offerHolderKey: Maker = async ({ state: { openingId }, files }) => {
  const kept = files.textOf(HOLDER_KEY_FILE);
  const own = kept === null ? null : await readHolderKey(sha256, kept, openingId);
  if (own !== null) return { key: own.key };
  const text = await makeHolderKey(openingId);
  if (!files.keep({ name: HOLDER_KEY_FILE, text })) throw new MadeActError('not_kept');
  const made = await readHolderKey(sha256, text, openingId);
  if (made === null) throw new Error('a key that was just made is none');
  return { key: made.key };
};

/** To the holders chosen, by their keys as the verified log names them. */
export const dealOpeningKey: Maker = async ({ state, given, now }) => {
  const rules = sharingRules(state.policy);
  const chosen = String(given['holders'] ?? '')
    .split(',')
    .map(Number);
  const offered = state.layer.holders;
  const holders = offered.length === rules?.holders ? offered : offered.filter(({ holder }) => chosen.includes(holder));
  if (rules === null || holders.length !== rules.holders) throw new MadeActError('holders_missing');
  const { dealHere } = await import('./deal-here.ts');
  const { openingId, policy } = state;
  return dealHere({ openingId, holders, threshold: rules.threshold, nowAt: now() }, blindRules(policy) !== null);
};

export const acknowledgeShare: Maker = async (making) => {
  const { share } = await ownShare(making);
  share.fill(0);
  return { secretCommit: making.state.layer.key?.secretCommit ?? '' };
};

/**
 * Why: the share leaves this computer only when the log, verified by this page, says that the window is over and shares are asked for, and
 *      this computer's own clock is past the deadline: a log forged for this one holder would ask for it early.
 */
export const unsealLayer: Maker = async (making) => {
  const { state } = making;
  const shareKey = shareKeyOf(state);
  const isDue = state.phase === 'TendererDecrypting' && making.now() >= state.deadlineAt;
  if (!isDue || shareKey === null) throw new MadeActError('no_unsealing');
  const own = await ownShare(making);
  try {
    return await shareToGive(sha256, state.openingId, own, shareKey);
  } finally {
    own.share.fill(0);
  }
};

async function ownShare({ state, given, account }: Making): Promise<OwnShare> {
  const own: HolderKey | null = await readHolderKey(sha256, String(given['holderFile'] ?? ''), state.openingId);
  if (own === null) throw new MadeActError('no_holder_key');
  const opened = await openDealtShare(sha256, state, own, account);
  if (typeof opened === 'string') throw new MadeActError(opened);
  return opened;
}
