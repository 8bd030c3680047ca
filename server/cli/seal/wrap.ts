/** Wrapping a content key to a certificate and unwrapping it with the private key, in the ways bidders' devices know. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  X509Certificate,
} from 'node:crypto';
import forge from 'node-forge';
import type { Unwrap } from '../../client/key-agent.ts';
import { SealError } from '../../client/seal-error.ts';
import { readSm2PublicKey } from '../../core/gm/curve.ts';
import { readSm2Ciphertext, writeSm2Ciphertext } from '../../core/gm/der.ts';
import { decryptSm2, encryptSm2 } from '../../core/gm/encryption.ts';
import { toBase64Url } from '../../core/log/base64.ts';
import { joinBytes } from '../../core/log/bytes.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { CEK_BYTES } from '../../core/seal/commitments.ts';
import { P256_POINT_BYTES, sharedInfo } from '../../core/seal/key-agreement.ts';
import type { KeyTransport, Recipient, RsaTransport } from '../../core/seal/recipient-info.ts';
import { freshSm2Scalar, sm2PrivateKey, sm3 } from '../../sm2.ts';

const OAEP_HASHES = { rsa_oaep_sha256: 'sha256', rsa_oaep_sha1: 'sha1' } as const;
/** RFC 3394 §2.2.3.1. */
const KEY_WRAP_IV = new Uint8Array(8).fill(0xa6);
const KEY_WRAP = 'id-aes256-wrap';
const KDF_COUNTER = Uint8Array.of(0, 0, 0, 1);

/** The RecipientInfo of `cek` wrapped to a certificate (DER), named by issuer and serial number. */
export function wrapTo(certificate: Uint8Array, keyTransport: KeyTransport, cek: Uint8Array): Recipient {
  const { issuer, serial, spki } = parseCertificate(certificate);
  const identifier = { issuer: issuer.full, serial: Buffer.from(serial, 'hex') };
  if (keyTransport === 'sm2') return { keyTransport, identifier, encryptedKey: wrapSm2(spki, cek) };
  const { publicKey } = new X509Certificate(certificate);
  if (keyTransport === 'ecdh_p256') return { keyTransport, identifier, ...agreeAndWrap(publicKey, cek) };
  return { keyTransport, identifier, encryptedKey: wrapRsa(publicKey, keyTransport, cek) };
}

function wrapSm2(spki: Uint8Array, cek: Uint8Array): Uint8Array {
  const publicKey = readSm2PublicKey(spki);
  if (publicKey === undefined) throw new SealError('transport_not_for_key', 'sm2');
  return writeSm2Ciphertext(encryptSm2(sm3, publicKey, cek, freshSm2Scalar));
}

function wrapRsa(key: KeyObject, transport: RsaTransport, cek: Uint8Array): Uint8Array {
  if (transport === 'rsa_pkcs1_v15') return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, cek);
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: OAEP_HASHES[transport] }, cek);
}

/** Agrees with a key made for this once. */
function agreeAndWrap(publicKey: KeyObject, cek: Uint8Array): { ephemeralKey: Uint8Array; encryptedKey: Uint8Array } {
  const ephemeral = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const wrappingKey = agree(ephemeral.privateKey, publicKey);
  const cipher = createCipheriv(KEY_WRAP, wrappingKey, KEY_WRAP_IV);
  wrappingKey.fill(0);
  return {
    ephemeralKey: pointOf(ephemeral.publicKey),
    encryptedKey: joinBytes(cipher.update(cek), cipher.final()),
  };
}

/** The key that wraps the content key. Source: RFC 5753 §7.2, X9.63 with SHA-256. */
function agree(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  return wrappingKeyOf(diffieHellman({ privateKey, publicKey }));
}

/** Erases the secret. */
function wrappingKeyOf(secret: Uint8Array): Uint8Array {
  const key = createHash('sha256').update(secret).update(KDF_COUNTER).update(sharedInfo()).digest();
  secret.fill(0);
  return key;
}

/**
 * Unwraps with the secret that another place, a token, has agreed upon; erases it.
 *
 * Throws: SealError unwrap_failed.
 */
export function unwrapAgreed(secret: Uint8Array, encryptedKey: Uint8Array): Uint8Array {
  try {
    return unwrapUnder(wrappingKeyOf(secret), encryptedKey);
  } catch {
    // the tag of the wrapped key does not fit, which OpenSSL says in words of its own
    throw new SealError('unwrap_failed');
  }
}

/** Erases the wrapping key. */
function unwrapUnder(wrappingKey: Uint8Array, encryptedKey: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(KEY_WRAP, wrappingKey, KEY_WRAP_IV);
  wrappingKey.fill(0);
  return Buffer.concat([decipher.update(encryptedKey), decipher.final()]);
}

/** An uncompressed point: what ends the DER of its SubjectPublicKeyInfo. */
function pointOf(publicKey: KeyObject): Uint8Array {
  return Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }).subarray(-P256_POINT_BYTES));
}

/** The unwrapper over a private key that this process holds. */
export function unwrapWith(privateKey: KeyObject): Unwrap {
  return async (recipient) => unwrapKey(recipient, privateKey);
}

/**
 * Unwraps the content key of an envelope.
 *
 * Throws: SealError unwrap_failed: the key is another, or what it gives is no content key.
 * Why:    only 32 bytes are a content key, and `cekCommit` still has the last word.
 */
export function unwrapKey(recipient: Recipient, privateKey: KeyObject): Uint8Array {
  const cek = unwrapAny(recipient, privateKey);
  if (cek.length === CEK_BYTES) return cek;
  cek.fill(0);
  throw new SealError('unwrap_failed');
}

function unwrapAny(recipient: Recipient, privateKey: KeyObject): Uint8Array {
  try {
    switch (recipient.keyTransport) {
      case 'rsa_oaep_sha256':
      case 'rsa_oaep_sha1': {
        const oaepHash = OAEP_HASHES[recipient.keyTransport];
        const padding = constants.RSA_PKCS1_OAEP_PADDING;
        return privateDecrypt({ key: privateKey, padding, oaepHash }, recipient.encryptedKey);
      }
      case 'rsa_pkcs1_v15':
        return decryptV15(recipient.encryptedKey, privateKey);
      case 'ecdh_p256':
        return agreeAndUnwrap(recipient, privateKey);
      case 'sm2':
        return unwrapSm2(recipient.encryptedKey, privateKey);
    }
  } catch {
    // Another key, a key of another kind, or bytes that nobody wrapped: the libraries tell them not apart.
    throw new SealError('unwrap_failed');
  }
}

/**
 * Why: Node.js 20 refuses to decrypt RSA PKCS#1 v1.5 and later ones answer random bytes for a wrong ciphertext, so node-forge does
 *      it; either way only 32 bytes are a content key.
 */
function decryptV15(encryptedKey: Uint8Array, privateKey: KeyObject): Uint8Array {
  const key = forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  return Buffer.from(key.decrypt(Buffer.from(encryptedKey).toString('latin1'), 'RSAES-PKCS1-V1_5'), 'latin1');
}

function unwrapSm2(encryptedKey: Uint8Array, privateKey: KeyObject): Uint8Array {
  const scalar = sm2PrivateKey(privateKey)?.scalar();
  const ciphertext = readSm2Ciphertext(encryptedKey);
  const cek = scalar && ciphertext && decryptSm2(sm3, scalar, ciphertext);
  scalar?.fill(0);
  if (cek === undefined) throw new SealError('unwrap_failed');
  return cek;
}

/** A point that is not on the curve fails as it is read, before the private key meets it. */
function agreeAndUnwrap(
  { ephemeralKey, encryptedKey }: { ephemeralKey: Uint8Array; encryptedKey: Uint8Array },
  privateKey: KeyObject,
): Uint8Array {
  const half = (P256_POINT_BYTES - 1) / 2;
  const [x, y] = [ephemeralKey.subarray(1, 1 + half), ephemeralKey.subarray(1 + half)].map(toBase64Url);
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y } as JsonWebKey, format: 'jwk' });
  return unwrapUnder(agree(privateKey, publicKey), encryptedKey);
}
