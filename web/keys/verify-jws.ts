/** Checks the signature of a JWS by a certificate's or a session's key, with the browser's own cryptography. */
import type { JwsAlgorithm, VerifyJwsSignature } from '../../server/core/log/act.ts';
import { parseCertificate } from '../../server/core/pki/certificate.ts';
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

/** Total: false also for what WebCrypto does not know, SM2 among it. */
export function browserVerifyJws(subtle: SubtleCrypto): VerifyJwsSignature {
  return async ({ alg, key, data, signature }) => {
    const terms = TERMS[alg];
    if (terms === undefined) return false;
    try {
      const imported =
        'jwk' in key
          ? await subtle.importKey('jwk', { ...key.jwk }, terms, false, ['verify'])
          : await subtle.importKey('spki', inOwnMemory(parseCertificate(key.certificate).spki), terms, false, [
              'verify',
            ]);
      return await subtle.verify(terms, imported, inOwnMemory(signature), inOwnMemory(data));
    } catch (fault) {
      // a key of another kind than the algorithm's
      if (fault instanceof DOMException) return false;
      throw fault;
    }
  };
}
