/** Signature checks over node:crypto, for certificates and for JWS: which algorithms and keys still count as good. */
import { constants, createPublicKey, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { readSm2PublicKey } from '../core/gm/curve.ts';
import type { SessionJwk, VerifyJwsSignature } from '../core/log/act.ts';
import { toBase64Url } from '../core/log/base64.ts';
import { readPublicKey, SM2_WITH_SM3 } from '../core/pki/algorithms.ts';
import { parseCertificate } from '../core/pki/certificate.ts';
import { CertificateError } from '../core/pki/der.ts';
import type { VerifyCertificateSignature } from '../core/pki/search.ts';
import {
  PS256_SALT_BYTES,
  RSA_LEAST_BITS,
  RSA_MOST_BITS,
  readSm2Signed,
  schemeOf,
} from '../core/pki/signature-scheme.ts';
import { sha256 } from '../hash.ts';
import { verifySm2 } from '../sm2.ts';

type Signed = Parameters<VerifyCertificateSignature>[0];

/** The curves a certificate's issuer may use; people themselves sign with P-256 only. */
const CA_CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

/**
 * Checks a certificate's signature; SHA-1, MD5, short RSA keys and unknown algorithms are false, as a wrong signature is.
 *
 * Source: RFC 5280 §4.1.1.2, RFC 4055 (PSS), RFC 5758 (ECDSA), GM/T 0015 (SM2 with SM3).
 */
export const verifyCertificateSignature: VerifyCertificateSignature = ({ algorithm, spki, data, signature }) => {
  if (algorithm.oid === SM2_WITH_SM3) return verifySm2Certificate({ algorithm, spki, data, signature });
  const scheme = schemeOf(algorithm);
  const key = issuerKey(spki);
  if (scheme === undefined || key?.kind !== scheme.key) return false;
  return verify(scheme.hash, data, withPadding(key.key, scheme.saltLength), signature);
};

/** Keys of issuers that are remembered: a CA's key comes with every certificate and list of it, and costs more to read than a check. */
const ISSUER_KEYS_LIMIT = 256;
type IssuerKey = { readonly key: KeyObject; readonly kind: 'rsa' | 'ec' };
const issuerKeys = new Map<string, IssuerKey | undefined>();

/** The key that a certificate's issuer signs with; undefined when it cannot be read or is too weak. The one asked for longest ago goes first. */
function issuerKey(spki: Uint8Array): IssuerKey | undefined {
  const name = Buffer.from(spki).toString('latin1');
  let found = issuerKeys.get(name);
  if (found === undefined && !issuerKeys.has(name)) {
    const key = isReadable(spki) ? importKey(spki) : undefined;
    const kind = key && (['rsa', 'ec'] as const).find((each) => isGoodKey(key, each, CA_CURVES));
    found = key && kind && { key, kind };
  }
  issuerKeys.delete(name);
  issuerKeys.set(name, found);
  const [longestAgo = name] = issuerKeys.keys();
  if (issuerKeys.size > ISSUER_KEYS_LIMIT) issuerKeys.delete(longestAgo);
  return found;
}

/** Whether our own reader takes it as well: OpenSSL's takes RSA keys with parameters that nobody defined. */
function isReadable(spki: Uint8Array): boolean {
  try {
    return readPublicKey(spki).kind !== 'other';
  } catch (error) {
    if (error instanceof CertificateError) return false;
    throw error;
  }
}

function verifySm2Certificate({ algorithm, spki, data, signature }: Signed): boolean {
  const read = readSm2Signed(algorithm, spki, signature);
  return read !== undefined && verifySm2(read.key, data, read.raw);
}

/**
 * Checks the signature of a JWS by the key of a certificate or of a session.
 *
 * Shape:   `data` the ASCII of `header.payload`; an ES256 or SM2SM3 signature is r‖s.
 * Returns: false for a wrong signature, a key that cannot be read or does not fit the algorithm, RSA under 2048 bits, a
 *          curve other than P-256 for ES256, and than SM2's for SM2SM3.
 */
export const verifyJwsSignature = (({ alg, key: source, data, signature }) => {
  if (alg === 'SM2SM3') return verifySm2Jws(source, data, signature);
  const key = importJwsKey(source);
  if (key === undefined || !isKeyFor(alg, key)) return false;
  return verify('sha256', data, jwsKey(alg, key), signature);
}) satisfies VerifyJwsSignature;

type JwsRequest = Parameters<VerifyJwsSignature>[0];

/** jose has no SM2, so it is checked here over the same bytes; a session key is P-256, never SM2. */
function verifySm2Jws(source: JwsRequest['key'], data: Uint8Array, signature: Uint8Array): boolean {
  const spki = 'certificate' in source ? certificateSpki(source.certificate) : undefined;
  const key = spki && readSm2PublicKey(spki);
  return key !== undefined && verifySm2(key, data, signature);
}

const verifyInPool = promisify<string, Uint8Array, ReturnType<typeof jwsKey>, Uint8Array, boolean>(verify);

/**
 * The same check for whoever has many signatures before him: keys are read once, and the arithmetic is left to libuv's threads.
 *
 * Shape: `keysKept` keys at most are remembered, the ones asked for longest ago are dropped.
 * Why:   a key costs as much to read as a signature to check, and one device signs hundreds of acts.
 */
export function createJwsVerifier(keysKept: number): VerifyJwsSignature {
  const keys = new Map<string, { readonly key: KeyObject | undefined; readonly isGoodFor: Map<string, boolean> }>();
  return async ({ alg, key: source, data, signature }) => {
    if (alg === 'SM2SM3') return verifySm2Jws(source, data, signature);
    const name = 'jwk' in source ? `${source.jwk.x} ${source.jwk.y}` : toBase64Url(sha256(source.certificate));
    const found = keys.get(name) ?? { key: importJwsKey(source), isGoodFor: new Map<string, boolean>() };
    keys.delete(name);
    keys.set(name, found);
    const [longestAgo = name] = keys.keys();
    if (keys.size > keysKept) keys.delete(longestAgo);
    const { key, isGoodFor } = found;
    if (key === undefined) return false;
    const isGood = isGoodFor.get(alg) ?? isKeyFor(alg, key);
    isGoodFor.set(alg, isGood);
    return isGood && verifyInPool('sha256', data, jwsKey(alg, key), signature);
  };
}

function importJwsKey(source: JwsRequest['key']): KeyObject | undefined {
  return 'jwk' in source ? importJwk(source.jwk) : importCertificateKey(source.certificate);
}

/** The algorithms that node:crypto has by itself. */
type StockAlgorithm = Exclude<JwsRequest['alg'], 'SM2SM3'>;

const isKeyFor = (alg: StockAlgorithm, key: KeyObject): boolean =>
  isGoodKey(key, alg === 'ES256' ? 'ec' : 'rsa', ['prime256v1']);

function jwsKey(alg: StockAlgorithm, key: KeyObject): VerifyKeyObjectInput {
  if (alg === 'ES256') return { key, dsaEncoding: 'ieee-p1363' };
  return withPadding(key, alg === 'PS256' ? PS256_SALT_BYTES : undefined);
}

function withPadding(key: KeyObject, saltLength: number | undefined) {
  if (saltLength === undefined) return { key };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

function importCertificateKey(der: Uint8Array): KeyObject | undefined {
  const spki = certificateSpki(der);
  return spki && importKey(spki);
}

function certificateSpki(der: Uint8Array): Uint8Array | undefined {
  try {
    return parseCertificate(der).spki;
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

function importKey(spki: Uint8Array): KeyObject | undefined {
  return keyOrNothing(() => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
}

function importJwk(jwk: SessionJwk): KeyObject | undefined {
  return keyOrNothing(() => createPublicKey({ key: { ...jwk }, format: 'jwk' }));
}

/** The key, or undefined when OpenSSL cannot read it (a point off the curve, say): then nothing it signed is good. */
function keyOrNothing(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function isGoodKey(key: KeyObject, kind: 'rsa' | 'ec', curves: readonly string[]): boolean {
  if (key.asymmetricKeyType !== kind) return false;
  const { modulusLength = 0, publicExponent = 0n, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (kind === 'ec') return curves.includes(namedCurve);
  return modulusLength >= RSA_LEAST_BITS && modulusLength <= RSA_MOST_BITS && publicExponent >= 3n;
}
