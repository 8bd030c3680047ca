/** Checks the signature of a JWS by a certificate's or a session's key, with the browser's own cryptography. */
import { readSm2PublicKey } from '../../server/core/gm/curve.ts';
import { checkSm2 } from '../../server/core/gm/signature.ts';
import { sm3 } from '../../server/core/gm/sm3.ts';
import type { JwsAlgorithm, VerifyJwsSignature } from '../../server/core/log/act.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
import { CertificateError } from '../../server/core/pki/der.ts';
import { RSA_LEAST_BITS, RSA_MOST_BITS } from '../../server/core/pki/signature-scheme.ts';
import { inOwnMemory } from './own-memory.ts';

type Terms = {
  readonly name: string;
  readonly hash: string;
  readonly namedCurve?: string;
  readonly saltLength?: number;
};

const TERMS: Readonly<Partial<Record<JwsAlgorithm, Terms>>> = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  ES256: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
};

/** Keys that one page meets: the devices of an opening it acts in. */
const KEYS_KEPT = 256;

/** False for every signature that does not hold, RSA under 2048 bits and a certificate that is none. */
export function browserVerifyJws(subtle: SubtleCrypto): VerifyJwsSignature {
  return rememberingJwsVerifier(subtle, KEYS_KEPT);
}

/** The same, with so many keys remembered once they are read: one device signs hundreds of acts. The one asked for longest ago goes first. */
export function rememberingJwsVerifier(subtle: SubtleCrypto, keysKept: number): VerifyJwsSignature {
  const keys = new Map<string, Promise<CryptoKey | null>>();
  return async ({ alg, key, data, signature }) => {
    if (alg === 'SM2SM3') {
      const spki = 'jwk' in key ? undefined : spkiOf(key.certificate);
      const publicKey = spki && readSm2PublicKey(spki);
      return publicKey !== undefined && checkSm2(sm3, publicKey, data, signature);
    }
    const terms = TERMS[alg];
    if (terms === undefined) return false;
    const name = `${alg} ${'jwk' in key ? `${key.jwk.x} ${key.jwk.y}` : toBase64(key.certificate)}`;
    const found = keys.get(name) ?? importKey(subtle, key, terms);
    keys.delete(name);
    keys.set(name, found);
    for (const oldest of keys.keys()) {
      if (keys.size <= keysKept) break;
      keys.delete(oldest);
    }
    const imported = await found;
    return imported !== null && subtle.verify(terms, imported, inOwnMemory(signature), inOwnMemory(data));
  };
}

/** Null for a key of another kind than the algorithm's, and for one that is too short to count. */
async function importKey(
  subtle: SubtleCrypto,
  key: Parameters<VerifyJwsSignature>[0]['key'],
  terms: Terms,
): Promise<CryptoKey | null> {
  try {
    if ('jwk' in key) return await subtle.importKey('jwk', { ...key.jwk }, terms, false, ['verify']);
    const spki = spkiOf(key.certificate);
    if (spki === undefined) return null;
    const imported = await subtle.importKey('spki', inOwnMemory(spki), terms, false, ['verify']);
    const { modulusLength } = imported.algorithm as Partial<RsaKeyAlgorithm>;
    const isShort = modulusLength !== undefined && (modulusLength < RSA_LEAST_BITS || modulusLength > RSA_MOST_BITS);
    return isShort ? null : imported;
  } catch (fault) {
    if (fault instanceof DOMException) return null;
    throw fault;
  }
}

function spkiOf(certificate: Uint8Array): Uint8Array | undefined {
  try {
    return parseCertificate(certificate).spki;
  } catch (fault) {
    if (fault instanceof CertificateError) return undefined;
    throw fault;
  }
}
