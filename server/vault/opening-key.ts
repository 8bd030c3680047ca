/** The opening key of tenderer, host and witness, of a second layer or of a blind window: wrapped under a secret that k of n shares give; made on a holder's machine, restored here, kept nowhere. */
import { createDecipheriv, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { combine } from 'shamir-secret-sharing';
import { GCM_TAG_BYTES, NONCE_BYTES } from '../core/seal/content-cipher.ts';
import { KEY_SHARE_BYTES, openingKeyBinding, type PublicHalf, secretCommit } from '../core/seal/opening-key.ts';
import { sha256 } from '../hash.ts';
import { windowKeyId } from './window-key.ts';

/** What the log says of an opening key. */
export type DealtKey = PublicHalf & {
  openingId: string;
  threshold: number;
  /** nonce ‖ AES-256-GCM of the PKCS#8 private key ‖ tag, under the secret, bound to opening and public half. */
  wrappedKey: Uint8Array;
  secretCommit: string;
};

/**
 * The private half of an opening key, PKCS#8, from shares that each are what was promised of them.
 *
 * Shape:   as many as the threshold says, or more; then the first of them are taken.
 * Returns: the caller erases it; null when the shares do not give the promised secret, or that is not what wraps the key that was
 *          named: whoever dealt them is at fault then, and no bidder.
 */
export async function restoreOpeningKey(shares: readonly Uint8Array[], dealt: DealtKey): Promise<Uint8Array | null> {
  const used = shares.slice(0, dealt.threshold);
  if (used.length < dealt.threshold || !areSharesInForm(used)) return null;
  // the library takes nothing but plain Uint8Arrays
  const copies = used.map((share) => Uint8Array.from(share));
  const secret = await combine(copies);
  for (const copy of copies) copy.fill(0);
  try {
    if (secretCommit(sha256, dealt.openingId, secret) !== dealt.secretCommit) return null;
    return unwrapOpeningKey(secret, dealt);
  } finally {
    secret.fill(0);
  }
}

/** Are they of one length, taken at places that differ, none of them at nought, where the secret itself would lie? */
function areSharesInForm(shares: readonly Uint8Array[]): boolean {
  const places = shares.map((share) => share.at(-1));
  return (
    shares.every((share) => share.length === KEY_SHARE_BYTES) &&
    !places.includes(0) &&
    new Set(places).size === places.length
  );
}

/** Returns: null unless the secret unwraps a private key, and that is the one whose public half was named. */
export function unwrapOpeningKey(
  secret: Uint8Array,
  about: PublicHalf & Pick<DealtKey, 'openingId' | 'wrappedKey'>,
): Uint8Array | null {
  const { wrappedKey } = about;
  if (wrappedKey.length <= NONCE_BYTES + GCM_TAG_BYTES) return null;
  const nonce = wrappedKey.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', secret, nonce, { authTagLength: GCM_TAG_BYTES });
  decipher.setAAD(openingKeyBinding(sha256, about));
  decipher.setAuthTag(wrappedKey.subarray(-GCM_TAG_BYTES));
  const pkcs8 = decipher.update(wrappedKey.subarray(NONCE_BYTES, -GCM_TAG_BYTES));
  try {
    decipher.final();
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    if (isHalfOf(key, about)) return pkcs8;
  } catch {
    // A tag that does not fit, or bytes that are no key: what was dealt is not what it says.
  }
  pkcs8.fill(0);
  return null;
}

function isHalfOf(privateKey: KeyObject, half: PublicHalf): boolean {
  if ('certificate' in half) return new X509Certificate(half.certificate).checkPrivateKey(privateKey);
  const { x = '', y = '', crv } = createPublicKey(privateKey).export({ format: 'jwk' });
  return crv === 'P-256' && windowKeyId({ kty: 'EC', crv, x, y }) === windowKeyId(half.windowKey);
}
