/** What the vault says of a key held in shares, of a second layer or of a blind window: whether a given share is the one dealt, whether a dealt key can be sealed to, and the key itself once its shares are there. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { openSecret } from '../client/open-secret.ts';
import { fromBase64, toBase64Url } from '../core/log/base64.ts';
import { LogFormatError } from '../core/log/error.ts';
import type { Facts } from '../core/opening/facts.ts';
import { isKeyGiven, type OpeningKey, shareDealtTo, shareKeyOf } from '../core/opening/layer.ts';
import { personOf } from '../core/opening/staff.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { type Certificate, parseCertificate } from '../core/pki/certificate.ts';
import { CertificateError } from '../core/pki/der.ts';
import { GCM_TAG_BYTES, NONCE_BYTES } from '../core/seal/content-cipher.ts';
import type { WindowKey } from '../core/seal/decryption.ts';
import { type PublicHalf, shareCommit } from '../core/seal/opening-key.ts';
import { sha256 } from '../hash.ts';
import type { LayerKey } from '../vault/layer-key.ts';
import { restoreOpeningKey } from '../vault/opening-key.ts';
import { windowKeyId } from '../vault/window-key.ts';
import { type KeySources, privateKeyOf } from './private-key.ts';

const SOUND_SHARE = { share: null, isSound: true } as const;
/** An RSA key below this is no key to seal bids to. */
const LEAST_RSA_BITS = 2048;

/** The number under which this account's person offered a key; the recorder reads every field of its own log. */
export function holderOf({ layer }: OpeningState, account: string | null): number | null {
  if (account === null) return null;
  const own = layer.holders.find((one) => one.account.known && personOf(one.account.value) === personOf(account));
  return own?.holder ?? null;
}

/** What the public half is that somebody deals as the opening key's: a certificate, or the key of a window. */
export function lookAtOpeningKey(dealt: {
  readonly certificate?: string;
  readonly windowKey?: WindowKey;
  readonly wrappedKey: string;
}): NonNullable<Facts['openingKey']> {
  const { windowKey, wrappedKey } = dealt;
  if (windowKey !== undefined)
    return { sha256: windowKeyId(windowKey), isInForm: isOnCurve(windowKey) && isWrapped(wrappedKey) };
  const read = readCertificate(dealt.certificate ?? '');
  if (read === null) return { sha256: toBase64Url(sha256(new Uint8Array(0))), isInForm: false };
  return { sha256: toBase64Url(sha256(read.der)), isInForm: canBeSealedTo(read) && isWrapped(wrappedKey) };
}

/** Looked at when it is dealt: to a point that is on no curve no bidder could seal in the window. */
function isOnCurve(key: WindowKey): boolean {
  try {
    return createPublicKey({ key: { ...key }, format: 'jwk' }).asymmetricKeyType === 'ec';
  } catch {
    // OpenSSL reads no point out of it.
    return false;
  }
}

/** Looked at when it is dealt: what could not even be read would fail much later, and then at the platform's door. */
function isWrapped(text: string): boolean {
  try {
    return fromBase64(text).length > NONCE_BYTES + GCM_TAG_BYTES;
  } catch (error) {
    if (error instanceof LogFormatError) return false;
    throw error;
  }
}

function readCertificate(text: string): Certificate | null {
  try {
    return parseCertificate(fromBase64(text));
  } catch (error) {
    if (error instanceof LogFormatError || error instanceof CertificateError) return null;
    throw error;
  }
}

function canBeSealedTo({ der, keyUsage }: Certificate): boolean {
  if (keyUsage?.includes('keyEncipherment') !== true) return false;
  try {
    const { publicKey } = new X509Certificate(der);
    const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    return publicKey.asymmetricKeyType === 'rsa' && bits >= LEAST_RSA_BITS;
  } catch {
    // OpenSSL reads it otherwise than we do, or not at all: no certificate to seal to.
    return false;
  }
}

/** Whether a sealed share is the one dealt to this holder; null when none was dealt to it, or no time for shares is running. Nothing of it is kept. */
export async function lookAtLayerShare(
  state: OpeningState,
  data: { readonly sealed: string },
  holder: number | null,
  sources: KeySources,
): Promise<Facts['layerShare']> {
  const dealt = holder === null ? undefined : shareDealtTo(state.layer, holder);
  if (state.phase !== 'TendererDecrypting' || holder === null || dealt === undefined) return null;
  const share = await openGiven(state, { holder, sealed: data.sealed }, sources);
  if (share === null) return { share: null, isSound: false };
  const isSound = shareCommit(sha256, { openingId: state.openingId, holder }, share) === dealt.commitment;
  // only one that is not as dealt is ever shown
  const found = isSound ? SOUND_SHARE : { share: toBase64Url(share), isSound };
  share.fill(0);
  return found;
}

async function openGiven(
  state: OpeningState,
  { holder, sealed }: { readonly holder: number; readonly sealed: string },
  sources: KeySources,
): Promise<Uint8Array | null> {
  const { openingId } = state;
  const kid = shareKeyOf(state)?.kid ?? '';
  const key = await privateKeyOf(openingId, kid, sources);
  // the key of a blind window's shares is named in this very commit: nobody can have sealed to it yet
  if (key === null && state.layer.shareKey !== null) return null;
  if (key === null) throw new Error('the vault misses the key that shares are sealed to');
  return openSecret(sealed, key, kid, { about: 'unsealing_share', openingId, holder });
}

/** The opening key's certificate, and its private half when the shares on the log give it; the caller erases that. Undefined where there is no layer. */
export async function layerKeyOf(state: OpeningState, sources: KeySources): Promise<LayerKey | undefined> {
  const { key } = state.layer;
  if (state.policy.tendererLayer === false) return undefined;
  if (key === null || key.certificate === null) throw new Error('a second layer was promised and no opening key dealt');
  const certificate = fromBase64(key.certificate);
  if (!isKeyGiven(state)) return { certificate, privateKey: null };
  return { certificate, privateKey: await restore(state, key, { certificate }, sources) };
}

/**
 * The private half of a blind window's key, made out of the shares on the log; for one use, it is kept nowhere.
 *
 * Returns: null when there are too few of them, or they do not give it.
 */
export async function blindKeyOf(state: OpeningState, sources: KeySources): Promise<KeyObject | null> {
  const { key } = state.layer;
  if (key === null || key.windowKey === null) throw new Error('a blind window was promised and no key dealt');
  if (!isKeyGiven(state)) return null;
  const pkcs8 = await restore(state, key, { windowKey: key.windowKey.key }, sources);
  if (pkcs8 === null) return null;
  try {
    // a view and no copy: what Buffer.from copies nobody erases
    const der = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.byteLength);
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    pkcs8.fill(0);
  }
}

async function restore(
  state: OpeningState,
  key: OpeningKey,
  half: PublicHalf,
  sources: KeySources,
): Promise<Uint8Array | null> {
  const shares: Uint8Array[] = [];
  try {
    for (const given of state.layer.given) {
      const share = await openGiven(state, given, sources);
      if (share === null) throw new Error('a share that was sound does not open again');
      shares.push(share);
    }
    const { threshold, secretCommit } = key;
    const wrappedKey = fromBase64(key.wrappedKey);
    return await restoreOpeningKey(shares, {
      openingId: state.openingId,
      threshold,
      ...half,
      wrappedKey,
      secretCommit,
    });
  } finally {
    for (const share of shares) share.fill(0);
  }
}
