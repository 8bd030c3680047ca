/** The window key: a fresh key pair per opening under which bidders seal their content keys; its private half is stored wrapped and destroyed at the end. */
import { createCipheriv, createDecipheriv, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { joinBytes } from '../core/log/bytes.ts';
import { utf8 } from '../core/log/utf8.ts';
import { GCM_TAG_BYTES, NONCE_BYTES } from '../core/seal/content-cipher.ts';
import { windowKeyId as keyIdOf, type WindowKey } from '../core/seal/decryption.ts';
import { sha256 } from '../hash.ts';

export const VAULT_KEY_BYTES = 32;

export type WrappedWindowKey = {
  openingId: string;
  /** RFC 7638 thumbprint of `publicKey`, base64url. */
  kid: string;
  publicKey: WindowKey;
  /** nonce ‖ AES-256-GCM of the PKCS#8 private key ‖ tag, under the vault key, bound to opening and kid. */
  wrappedKey: Uint8Array;
};

/** The core's, by this process's hash. */
export function windowKeyId(key: WindowKey): string {
  return keyIdOf(sha256, key);
}

/**
 * Makes the window key of an opening, its private half wrapped at once.
 *
 * Asserts: `vaultKey` has VAULT_KEY_BYTES.
 * Why:     the vault key lies in a file outside the database, so that neither a stolen backup nor a stolen disk of the database
 *          opens a bid. Destroying the key is erasing `wrappedKey`: what was sealed to it then stays sealed for ever.
 */
export function makeWindowKey(
  vaultKey: Uint8Array,
  openingId: string,
  randomBytes: (length: number) => Uint8Array,
): WrappedWindowKey {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' });
  const publicKey: WindowKey = { kty: 'EC', crv: 'P-256', x, y };
  const kid = windowKeyId(publicKey);

  const pkcs8 = pair.privateKey.export({ format: 'der', type: 'pkcs8' });
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', vaultKey, nonce, { authTagLength: GCM_TAG_BYTES });
  cipher.setAAD(bindingOf(openingId, kid));
  const wrappedKey = joinBytes(nonce, cipher.update(pkcs8), cipher.final(), cipher.getAuthTag());
  pkcs8.fill(0);
  return { openingId, kid, publicKey, wrappedKey };
}

/** The private half, for one use: do not keep it. Throws: when the vault key, the opening or the kid is another, or a bit of the wrapped key has changed. */
export function unwrapWindowKey(vaultKey: Uint8Array, { openingId, kid, wrappedKey }: WrappedWindowKey): KeyObject {
  const nonce = wrappedKey.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', vaultKey, nonce, { authTagLength: GCM_TAG_BYTES });
  decipher.setAAD(bindingOf(openingId, kid));
  decipher.setAuthTag(wrappedKey.subarray(-GCM_TAG_BYTES));
  const pkcs8 = Buffer.concat([decipher.update(wrappedKey.subarray(NONCE_BYTES, -GCM_TAG_BYTES)), decipher.final()]);
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  return privateKey;
}

function bindingOf(openingId: string, kid: string): Uint8Array {
  return utf8(`window-key-v1\0${openingId}\0${kid}`);
}
