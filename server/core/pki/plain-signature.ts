/** Signatures of certificates checked by arithmetic alone: the same verdicts as the server's, at once, where no library of the system answers. */
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { readSm2PublicKey } from '../gm/curve.ts';
import { checkSm2 } from '../gm/signature.ts';
import { sm3 } from '../gm/sm3.ts';
import type { VerifyJwsSignature } from '../log/act.ts';
import { fromBase64Url } from '../log/base64.ts';
import { joinBytes } from '../log/bytes.ts';
import { readPublicKey, SM2_WITH_SM3 } from './algorithms.ts';
import { parseCertificate } from './certificate.ts';
import { CertificateError, derBitBytes, derChildren, derUnsigned, expectTag, readDerAs, TAG } from './der.ts';
import { type Hashes, type RsaKey, verifyRsa } from './rsa.ts';
import type { VerifyCertificateSignature } from './search.ts';
import {
  PS256_SALT_BYTES,
  RSA_LEAST_BITS,
  RSA_MOST_BITS,
  readSm2Signed,
  type SchemeHash,
  schemeOf,
} from './signature-scheme.ts';

type Curve = Pick<typeof p256, 'verify' | 'Point'>;
const P256 = '1.2.840.10045.3.1.7';
const CURVES: Readonly<Record<string, Curve>> = { [P256]: p256, '1.3.132.0.34': p384, '1.3.132.0.35': p521 };

type IssuerKey =
  | { readonly kind: 'rsa'; readonly rsa: RsaKey }
  | { readonly kind: 'ec'; readonly curve: Curve; readonly oid: string; readonly point: Uint8Array };

/** Checks of certificates' signatures, SHA-1, MD5, short RSA keys and unknown algorithms being false, as a wrong signature is. */
export function plainCertificateVerifier(hashes: Hashes): VerifyCertificateSignature {
  return ({ algorithm, spki, data, signature }) => {
    if (algorithm.oid === SM2_WITH_SM3) {
      const read = readSm2Signed(algorithm, spki, signature);
      return read !== undefined && checkSm2(sm3, read.key, data, read.raw);
    }
    const scheme = schemeOf(algorithm);
    const key = readIssuerKey(spki);
    if (scheme === undefined || key?.kind !== scheme.key) return false;
    if (key.kind === 'rsa') return verifyRsa(hashes, key.rsa, scheme, data, signature);
    return verifyEcdsa(key, hashes[scheme.hash](data), signature, 'der');
  };
}

/** Checks of JWS signatures as the server's, for pages that have no WebCrypto. */
export function plainJwsVerifier(hashes: Hashes): VerifyJwsSignature {
  return ({ alg, key: source, data, signature }) => {
    if (alg === 'SM2SM3') return 'certificate' in source && checkSm2Jws(source.certificate, data, signature);
    const key = 'jwk' in source ? sessionKey(source.jwk) : certificateKey(source.certificate);
    if (key === undefined) return false;
    if (alg === 'ES256')
      return key.kind === 'ec' && key.oid === P256 && verifyEcdsa(key, hashes.sha256(data), signature, 'compact');
    const scheme = { hash: 'sha256' as SchemeHash, ...(alg === 'PS256' && { saltLength: PS256_SALT_BYTES }) };
    return key.kind === 'rsa' && verifyRsa(hashes, key.rsa, scheme, data, signature);
  };
}

/** The key of an issuer; undefined for one that cannot be read, is too weak or too long, or whose point is on no curve. */
export function readIssuerKey(spki: Uint8Array): IssuerKey | undefined {
  try {
    const found = readPublicKey(spki);
    const [, bits] = derChildren(readDerAs(spki, TAG.sequence));
    const bytes = derBitBytes(expectTag(bits, TAG.bitString));
    if (found.kind === 'rsa') {
      if (found.bits < RSA_LEAST_BITS || found.bits > RSA_MOST_BITS) return undefined;
      const [modulus, exponent] = derChildren(readDerAs(bytes, TAG.sequence));
      const rsa = {
        modulus: derUnsigned(expectTag(modulus, TAG.integer)),
        exponent: derUnsigned(expectTag(exponent, TAG.integer)),
      };
      return { kind: 'rsa', rsa };
    }
    const curve = found.kind === 'ec' && Object.hasOwn(CURVES, found.curve) ? CURVES[found.curve] : undefined;
    return curve && found.kind === 'ec' ? { kind: 'ec', curve, oid: found.curve, point: bytes } : undefined;
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

function checkSm2Jws(certificate: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  const spki = spkiOf(certificate);
  const key = spki && readSm2PublicKey(spki);
  return key !== undefined && checkSm2(sm3, key, data, signature);
}

function certificateKey(der: Uint8Array): IssuerKey | undefined {
  const spki = spkiOf(der);
  return spki && readIssuerKey(spki);
}

function spkiOf(der: Uint8Array): Uint8Array | undefined {
  try {
    return parseCertificate(der).spki;
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

function sessionKey({ x, y }: { readonly x: string; readonly y: string }): IssuerKey {
  return { kind: 'ec', curve: p256, oid: P256, point: joinBytes(Uint8Array.of(4), fromBase64Url(x), fromBase64Url(y)) };
}

/** Any s counts, as with OpenSSL. The library throws for points and encodings that are none. */
function verifyEcdsa(
  { curve, point }: Extract<IssuerKey, { kind: 'ec' }>,
  digest: Uint8Array,
  signature: Uint8Array,
  format: 'der' | 'compact',
): boolean {
  try {
    curve.Point.fromBytes(point).assertValidity();
    return curve.verify(signature, digest, point, { prehash: false, lowS: false, format });
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
