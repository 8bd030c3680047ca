/** Holding a share of an opening key: a key of one's own offered, the share that was dealt to it checked and acknowledged, and given back when the window is over. */
import { dealingData } from '../../client/deal-key.ts';
import {
  HOLDER_KEY_FILE,
  type HolderKey,
  makeHolderKey,
  type OwnShare,
  openDealtShare,
  readHolderKey,
  shareToGive,
} from '../../client/holder-key.ts';
import type { Entry } from '../../core/log/entry.ts';
import { blindRules, shareKeyOf, sharingRules } from '../../core/opening/layer.ts';
import type { HoldingRole } from '../../core/opening/layer-commands.ts';
import type { OpeningState } from '../../core/opening/state.ts';
import { sha256 } from '../../hash.ts';
import { dealOpeningKey, dealWindowKey } from '../seal/opening-key.ts';
import { act } from './act.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

/**
 * Offers a key to which a share of the opening key can be sealed.
 *
 * Returns: the proven HolderKeyOffered entry.
 * Why:     the key is kept before it is offered, and one that is kept is offered again: what is sealed to a lost key is lost.
 */
export async function offerKey(person: Person, openingId: string, role: HoldingRole): Promise<Entry> {
  const { key } = await ownKey(person, openingId);
  const { entries } = await act(person, openingId, { type: 'OfferHolderKey', role, data: { key } });
  return firstOf(entries);
}

/**
 * Makes the opening key that the policy asks for, of a second layer or of a blind window, and deals it to those who offered a key: to all of them, or to the holders named.
 *
 * Returns: the proven OpeningKeyDealt entry.
 * Throws:  PersonError no_layer, holders_missing; as act.
 * Why:     keys are read from the dealer's own verified copy of the log. The key lives in this process for a moment and is kept nowhere.
 */
export async function deal(
  person: Person,
  openingId: string,
  role: 'tenderer' | 'host',
  numbers: readonly number[] | null = null,
): Promise<Entry> {
  const state = await catchUp(person, openingId, role);
  const rules = sharingRules(state.policy);
  if (rules === null) throw new PersonError('no_layer');
  const { holders: offered } = state.layer;
  const holders = offered.filter(({ holder }) => numbers === null || numbers.includes(holder));
  if (holders.length !== rules.holders) throw new PersonError('holders_missing', `${holders.length}/${rules.holders}`);
  const { now, randomBytes } = person.world;
  const dealing = { openingId, holders, threshold: rules.threshold, nowAt: now(), randomBytes };
  const dealt = await (blindRules(state.policy) === null ? dealOpeningKey : dealWindowKey)(dealing);
  const data = dealingData(dealt);
  const { entries } = await act(person, openingId, { type: 'DealOpeningKey', role, data });
  return firstOf(entries);
}

/**
 * Opens one's share, holds it against its promise, and says so.
 *
 * Returns: the proven ShareAcknowledged entry; null when it stands there already.
 * Throws:  PersonError no_dealt_share, share_not_as_dealt: then nothing is acknowledged, and the opening cannot be published.
 */
export async function acknowledge(person: Person, openingId: string, role: HoldingRole): Promise<Entry | null> {
  const state = await catchUp(person, openingId, role);
  const { share } = await openShare(person, state);
  share.fill(0);
  const secretCommit = state.layer.key?.secretCommit ?? '';
  const { entries } = await act(person, openingId, { type: 'AcknowledgeShare', role, data: { secretCommit } });
  return entries[0] ?? null;
}

/**
 * Gives one's share, sealed to the key that the log names for it: the window key, or where that is what is shared, one made with the
 * end of the window.
 *
 * Returns: the proven entry: LayerShareGiven, or LayerShareRefused when the vault says that it is not what was dealt.
 * Throws:  PersonError no_unsealing, no_dealt_share, share_not_as_dealt; as act.
 * Why:     the share leaves this machine only when the log, verified here, says that the window is over and shares are asked for,
 *          and this machine's own clock is past the deadline: a log forged for this one holder would ask for it early.
 */
export async function giveShare(person: Person, openingId: string, role: HoldingRole): Promise<Entry> {
  const state = await catchUp(person, openingId, role);
  const isDue = state.phase === 'TendererDecrypting' && person.world.now() >= state.deadlineAt;
  const shareKey = shareKeyOf(state);
  if (!isDue || shareKey === null) throw new PersonError('no_unsealing');
  const own = await openShare(person, state);
  try {
    const data = await shareToGive(sha256, openingId, own, shareKey);
    const { entries } = await act(person, openingId, { type: 'UnsealLayer', role, data });
    return firstOf(entries);
  } finally {
    own.share.fill(0);
  }
}

async function openShare(person: Person, state: OpeningState): Promise<OwnShare> {
  const own = await keptKey(person, state.openingId);
  const opened = own === null ? 'no_dealt_share' : await openDealtShare(sha256, state, own, person.account);
  if (typeof opened === 'string') throw new PersonError(opened);
  return opened;
}

async function ownKey(person: Person, openingId: string): Promise<HolderKey> {
  const kept = await keptKey(person, openingId);
  if (kept !== null) return kept;
  await person.folder.keepEvidence(openingId, HOLDER_KEY_FILE, await makeHolderKey(openingId));
  return ownKey(person, openingId);
}

async function keptKey(person: Person, openingId: string): Promise<HolderKey | null> {
  const text = await person.folder.readEvidence(openingId, HOLDER_KEY_FILE);
  if (text === null) return null;
  const own = await readHolderKey(sha256, text, openingId);
  if (own === null) throw new PersonError('no_dealt_share', 'the kept key is not in form');
  return own;
}

function firstOf(entries: readonly Entry[]): Entry {
  const [entry] = entries;
  if (entry === undefined) throw new PersonError('answer_not_as_asked', 'no entry');
  return entry;
}
