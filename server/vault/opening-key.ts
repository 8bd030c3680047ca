/** The opening key of tenderer, host and witness: wrapped under a secret that k of n shares give; made on a holder's machine, restored here, kept nowhere. */
import { createCipheriv, createDecipheriv, createPrivateKey, X509Certificate } from 'node:crypto';
import { combine } from 'shamir-secret-sharing';
import { toBase64Url } from '../core/log/base64.ts';
import { joinBytes } from '../core/log/bytes.ts';
import { utf8 } from '../core/log/utf8.ts';
import { GCM_TAG_BYTES, NONCE_BYTES } from '../core/seal/content-cipher.ts';
import { KEY_SHARE_BYTES, secretCommit } from '../core/seal/opening-key.ts';
import { sha256 } from '../hash.ts';

/** What the log says of an opening key. */
export type DealtKey = {
  openingId: string;
  threshold: number;
  /** DER. */
  certificate: Uint8Array;
  /** nonce ‖ AES-256-GCM of the PKCS#8 private key ‖ tag, under the secret, bound to opening and certificate. */
  wrappedKey: Uint8Array;
  secretCommit: string;
};

/** Wraps the private half, PKCS#8, under the secret. */
export function wrapOpeningKey(
  pkcs8: Uint8Array,
  secret: Uint8Array,
  { openingId, certificate }: Pick<DealtKey, 'openingId' | 'certificate'>,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce, { authTagLength: GCM_TAG_BYTES });
  cipher.setAAD(bindingOf(openingId, certificate));
  return joinBytes(nonce, cipher.update(pkcs8), cipher.final(), cipher.getAuthTag());
}

/**
 * The private half of an opening key, PKCS#8, from shares that each are what was promised of them.
 *
 * Shape:   as many as the threshold says, or more; then the first of them are taken.
 * Returns: the caller erases it; null when the shares do not give the promised secret, or that is not what wraps the certificate's
 *          key: whoever dealt them is at fault then, and no bidder.
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

/** Returns: null unless the secret unwraps a private key, and that is the certificate's. */
export function unwrapOpeningKey(
  secret: Uint8Array,
  { openingId, certificate, wrappedKey }: Pick<DealtKey, 'openingId' | 'certificate' | 'wrappedKey'>,
): Uint8Array | null {
  if (wrappedKey.length <= NONCE_BYTES + GCM_TAG_BYTES) return null;
  const nonce = wrappedKey.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', secret, nonce, { authTagLength: GCM_TAG_BYTES });
  decipher.setAAD(bindingOf(openingId, certificate));
  decipher.setAuthTag(wrappedKey.subarray(-GCM_TAG_BYTES));
  const pkcs8 = decipher.update(wrappedKey.subarray(NONCE_BYTES, -GCM_TAG_BYTES));
  try {
    decipher.final();
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    if (new X509Certificate(certificate).checkPrivateKey(key)) return pkcs8;
  } catch {
    // A tag that does not fit, or bytes that are no key: what was dealt is not what it says.
  }
  pkcs8.fill(0);
  return null;
}

function bindingOf(openingId: string, certificate: Uint8Array): Uint8Array {
  return utf8(`opening-key-v1\0${openingId}\0${toBase64Url(sha256(certificate))}`);
}
