/** Holding a share of an opening key: a key of one's own offered, the share that was dealt to it checked and acknowledged, and given back when the window is over. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { openSecret } from '../../client/open-secret.ts';
import { toBase64 } from '../../core/log/base64.ts';
import { isJsonObject } from '../../core/log/canonical.ts';
import type { Entry } from '../../core/log/entry.ts';
import { blindRules, type KeyHolder, shareDealtTo, shareKeyOf, sharingRules } from '../../core/opening/layer.ts';
import type { HoldingRole } from '../../core/opening/layer-commands.ts';
import { personOf } from '../../core/opening/staff.ts';
import type { OpeningState } from '../../core/opening/state.ts';
import { shareCommit } from '../../core/seal/opening-key.ts';
import { sha256 } from '../../hash.ts';
import { windowKeyId } from '../../vault/window-key.ts';
import { dealOpeningKey, dealWindowKey } from '../seal/opening-key.ts';
import { sealSecret } from '../seal/seal-secret.ts';
import { act } from './act.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

/** The key that opens one's share; made here, kept in the person's folder, of no other use than this opening. */
const KEY_FILE = 'holder-key.json';

/**
 * Offers a key to which a share of the opening key can be sealed.
 *
 * Returns: the proven HolderKeyOffered entry.
 * Why:     the key is kept before it is offered, and one that is kept is offered again: what is sealed to a lost key is lost.
 */
export async function offerKey(person: Person, openingId: string, role: HoldingRole): Promise<Entry> {
  const { x, y } = await ownKey(person, openingId);
  const key = { kty: 'EC', crv: 'P-256', x, y };
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
  const data = {
    ...('certificate' in dealt ? { certificate: toBase64(dealt.certificate) } : { windowKey: dealt.windowKey }),
    wrappedKey: toBase64(dealt.wrappedKey),
    secretCommit: dealt.secretCommit,
    shares: dealt.shares,
  };
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
  const { share, holder } = await openShare(person, state);
  try {
    const sealed = await sealSecret(share, shareKey, { about: 'unsealing_share', openingId, holder });
    const data = { commitment: shareCommit(sha256, { openingId, holder }, share), sealed };
    const { entries } = await act(person, openingId, { type: 'UnsealLayer', role, data });
    return firstOf(entries);
  } finally {
    share.fill(0);
  }
}

async function openShare(person: Person, state: OpeningState): Promise<{ share: Uint8Array; holder: number }> {
  const { openingId } = state;
  const own = await keptKey(person, openingId);
  const mine = own === null ? undefined : holderOf(state, own.kid, person.account);
  const dealt = mine === undefined ? undefined : shareDealtTo(state.layer, mine.holder);
  if (own === null || mine === undefined || dealt === undefined) throw new PersonError('no_dealt_share');
  const { holder } = mine;
  const share = await openSecret(dealt.sealed, own.privateKey, own.kid, { about: 'dealt_share', openingId, holder });
  if (share === null || shareCommit(sha256, { openingId, holder }, share) !== dealt.commitment)
    throw new PersonError('share_not_as_dealt');
  return { share, holder };
}

function holderOf({ layer }: OpeningState, kid: string, account: string): KeyHolder | undefined {
  return layer.holders.find(
    (one) => one.kid === kid && (!one.account.known || personOf(one.account.value) === personOf(account)),
  );
}

type OwnKey = { readonly kid: string; readonly x: string; readonly y: string; readonly privateKey: KeyObject };

async function ownKey(person: Person, openingId: string): Promise<OwnKey> {
  const kept = await keptKey(person, openingId);
  if (kept !== null) return kept;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const text = `${JSON.stringify({ v: 1, openingId, key: privateKey.export({ format: 'jwk' }) })}\n`;
  await person.folder.keepEvidence(openingId, KEY_FILE, text);
  return keyOf(privateKey);
}

async function keptKey(person: Person, openingId: string): Promise<OwnKey | null> {
  const text = await person.folder.readEvidence(openingId, KEY_FILE);
  if (text === null) return null;
  try {
    const kept: unknown = JSON.parse(text);
    const key = isJsonObject(kept) ? kept['key'] : undefined;
    if (isJsonObject(key)) return keyOf(createPrivateKey({ key: key as never, format: 'jwk' }));
  } catch {
    // What the parser or OpenSSL says here may quote the key; the code alone goes on.
  }
  throw new PersonError('no_dealt_share', 'the kept key is not in form');
}

function keyOf(privateKey: KeyObject): OwnKey {
  const { x = '', y = '' } = privateKey.export({ format: 'jwk' });
  return { kid: windowKeyId({ kty: 'EC', crv: 'P-256', x, y }), x, y, privateKey };
}

function firstOf(entries: readonly Entry[]): Entry {
  const [entry] = entries;
  if (entry === undefined) throw new PersonError('answer_not_as_asked', 'no entry');
  return entry;
}
