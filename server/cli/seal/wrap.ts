/** Wrapping a content key to an RSA certificate and unwrapping it with the private key, in the three paddings bidders' devices know. */
import { constants, type KeyObject, privateDecrypt, publicEncrypt, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { CEK_BYTES } from '../../core/seal/commitments.ts';
import type { KeyTransport, Recipient } from '../../core/seal/recipient-info.ts';
import { SealError } from './seal-error.ts';

/** Unwraps a content key wherever the private key lies. The 32 bytes are the caller's to erase. */
export type Unwrap = (recipient: Recipient) => Promise<Uint8Array>;

const OAEP_HASHES = { rsa_oaep_sha256: 'sha256', rsa_oaep_sha1: 'sha1' } as const;

/** Wraps `cek` to the key of a certificate (DER). */
export function wrapKey(certificate: Uint8Array, keyTransport: KeyTransport, cek: Uint8Array): Uint8Array {
  const key = new X509Certificate(certificate).publicKey;
  if (keyTransport === 'rsa_pkcs1_v15') return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, cek);
  const oaepHash = OAEP_HASHES[keyTransport];
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, cek);
}

/** The unwrapper over a private key that this process holds. */
export function unwrapWith(privateKey: KeyObject): Unwrap {
  return async (recipient) => unwrapKey(recipient, privateKey);
}

/**
 * Unwraps the content key of an envelope.
 *
 * Throws: SealError unwrap_failed: the key is another, or what it gives is no content key.
 * Why:    Node.js 20 refuses to decrypt RSA PKCS#1 v1.5 and later ones answer random bytes for a wrong ciphertext, so node-forge
 *         does that one; either way only 32 bytes are a content key, and `cekCommit` still has the last word.
 */
export function unwrapKey({ keyTransport, encryptedKey }: Recipient, privateKey: KeyObject): Uint8Array {
  const cek = keyTransport === 'rsa_pkcs1_v15' ? decryptV15(encryptedKey, privateKey) : decryptOaep();
  if (cek.length === CEK_BYTES) return cek;
  cek.fill(0);
  throw new SealError('unwrap_failed');

  function decryptOaep(): Uint8Array {
    const oaepHash = OAEP_HASHES[keyTransport as keyof typeof OAEP_HASHES];
    try {
      return privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, encryptedKey);
    } catch {
      throw new SealError('unwrap_failed');
    }
  }
}

function decryptV15(encryptedKey: Uint8Array, privateKey: KeyObject): Uint8Array {
  const key = forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  try {
    return Buffer.from(key.decrypt(Buffer.from(encryptedKey).toString('latin1'), 'RSAES-PKCS1-V1_5'), 'latin1');
  } catch {
    throw new SealError('unwrap_failed');
  }
}
