/** Checks the signature of a JWS by a certificate's or a session's key, with the browser's own cryptography. */
import { readSm2PublicKey } from '../../server/core/gm/curve.ts';
import { checkSm2 } from '../../server/core/gm/signature.ts';
import { sm3 } from '../../server/core/gm/sm3.ts';
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

/** Total but for a certificate that is none: CertificateError. */
export function browserVerifyJws(subtle: SubtleCrypto): VerifyJwsSignature {
  return async ({ alg, key, data, signature }) => {
    if (alg === 'SM2SM3') {
      const publicKey = 'jwk' in key ? undefined : readSm2PublicKey(parseCertificate(key.certificate).spki);
      return publicKey !== undefined && checkSm2(sm3, publicKey, data, signature);
    }
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
