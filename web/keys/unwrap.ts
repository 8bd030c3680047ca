/** Unwraps a content key with a private key in WebCrypto: RSA with OAEP, and P-256 by agreement. */
import type { Unwrap } from '../../server/client/key-agent.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { readSm2Ciphertext } from '../../server/core/gm/der.ts';
import { decryptSm2 } from '../../server/core/gm/encryption.ts';
import { sm3 } from '../../server/core/gm/sm3.ts';
import { CEK_BYTES } from '../../server/core/seal/commitments.ts';
import type { Recipient } from '../../server/core/seal/recipient-info.ts';
import { agreeOnKey, P256 } from './agreed-key.ts';
import { KeyFileError } from './key-file-error.ts';
import { inOwnMemory, lent } from './own-memory.ts';

const OAEP_HASHES = { rsa_oaep_sha256: 'SHA-256', rsa_oaep_sha1: 'SHA-1' } as const;

/**
 * The unwrapper over a private key (PKCS#8), which it takes into WebCrypto once and for all; null where WebCrypto knows no such key.
 *
 * Throws: when asked, SealError unwrap_failed: another key, or what came out is no content key; KeyFileError key_cannot_unwrap for a way that
 *         WebCrypto does not know: PKCS#1 v1.5.
 */
export async function unwrapperFor(subtle: SubtleCrypto, kind: 'rsa' | 'ec', pkcs8: Uint8Array): Promise<Unwrap> {
  const importRsa = (hash: string) =>
    lent(pkcs8, (bytes) => subtle.importKey('pkcs8', bytes, { name: 'RSA-OAEP', hash }, false, ['decrypt']));
  if (kind === 'ec') {
    const key = await lent(pkcs8, (bytes) => subtle.importKey('pkcs8', bytes, P256, false, ['deriveBits']));
    return unwrapping(async (recipient) => {
      if (recipient.keyTransport !== 'ecdh_p256') throw new KeyFileError('key_cannot_unwrap', recipient.keyTransport);
      return agree(subtle, key, recipient.ephemeralKey, recipient.encryptedKey);
    });
  }
  const keys = { rsa_oaep_sha256: await importRsa('SHA-256'), rsa_oaep_sha1: await importRsa('SHA-1') };
  return unwrapping(async ({ keyTransport, encryptedKey }) => {
    if (!Object.hasOwn(OAEP_HASHES, keyTransport)) throw new KeyFileError('key_cannot_unwrap', keyTransport);
    const key = keys[keyTransport as keyof typeof keys];
    return new Uint8Array(await subtle.decrypt({ name: 'RSA-OAEP' }, key, inOwnMemory(encryptedKey)));
  });
}

function unwrapping(unwrap: (recipient: Recipient) => Promise<Uint8Array>): Unwrap {
  return async (recipient) => {
    try {
      const cek = await unwrap(recipient);
      if (cek.length === CEK_BYTES) return cek;
      cek.fill(0);
    } catch (fault) {
      // WebCrypto says by a DOMException that the key is another
      if (!(fault instanceof DOMException)) throw fault;
    }
    throw new SealError('unwrap_failed');
  };
}

/** The same with an SM2 key's scalar, over the curve's own arithmetic. */
export function sm2Unwrapper(scalar: Uint8Array): Unwrap {
  return unwrapping(async ({ keyTransport, encryptedKey }) => {
    if (keyTransport !== 'sm2') throw new KeyFileError('key_cannot_unwrap', keyTransport);
    const ciphertext = readSm2Ciphertext(encryptedKey);
    const cek = ciphertext === undefined ? undefined : decryptSm2(sm3, scalar, ciphertext);
    if (cek === undefined) throw new SealError('unwrap_failed');
    return cek;
  });
}

/** RFC 5753 §3.1: a key agreed on, and under it AES-256 key wrap. */
async function agree(
  subtle: SubtleCrypto,
  key: CryptoKey,
  ephemeralKey: Uint8Array,
  encryptedKey: Uint8Array,
): Promise<Uint8Array> {
  const open = await subtle.importKey('raw', inOwnMemory(ephemeralKey), P256, false, []);
  const kek = await agreeOnKey(subtle, key, open, 'unwrapKey');
  const cek = await subtle.unwrapKey('raw', inOwnMemory(encryptedKey), kek, 'AES-KW', 'AES-GCM', true, ['encrypt']);
  return new Uint8Array(await subtle.exportKey('raw', cek));
}
