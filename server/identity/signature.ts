/** Signature checks over node:crypto, for certificates and for JWS: which algorithms and keys still count as good. */
import { constants, createPublicKey, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { readSm2PublicKey } from '../core/gm/curve.ts';
import { readSm2Signature } from '../core/gm/der.ts';
import type { SessionJwk, VerifyJwsSignature } from '../core/log/act.ts';
import { toBase64Url } from '../core/log/base64.ts';
import { toHex } from '../core/log/bytes.ts';
import { type Algorithm, parseCertificate } from '../core/pki/certificate.ts';
import { CertificateError, derChildren, derCount, derOid, readDerAs, TAG } from '../core/pki/der.ts';
import type { VerifyCertificateSignature } from '../core/pki/search.ts';
import { sha256 } from '../hash.ts';
import { verifySm2 } from '../sm2.ts';

export const RSA_LEAST_BITS = 2048;
/** More bits cost the server time and buy nothing: an attacker's 16384-bit key is a burden, not a safeguard. */
export const RSA_MOST_BITS = 8192;
const PS256_SALT_BYTES = 32;

type Scheme = { readonly hash: string; readonly key: 'rsa' | 'ec'; readonly saltLength?: number };

const CERTIFICATE_SCHEMES: Readonly<Record<string, Scheme>> = {
  '1.2.840.113549.1.1.11': { hash: 'sha256', key: 'rsa' },
  '1.2.840.113549.1.1.12': { hash: 'sha384', key: 'rsa' },
  '1.2.840.113549.1.1.13': { hash: 'sha512', key: 'rsa' },
  '1.2.840.10045.4.3.2': { hash: 'sha256', key: 'ec' },
  '1.2.840.10045.4.3.3': { hash: 'sha384', key: 'ec' },
  '1.2.840.10045.4.3.4': { hash: 'sha512', key: 'ec' },
};
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const PSS_HASHES: Readonly<Record<string, { hash: string; bytes: number }>> = {
  '2.16.840.1.101.3.4.2.1': { hash: 'sha256', bytes: 32 },
  '2.16.840.1.101.3.4.2.2': { hash: 'sha384', bytes: 48 },
  '2.16.840.1.101.3.4.2.3': { hash: 'sha512', bytes: 64 },
};
const SM2_WITH_SM3 = '1.2.156.10197.1.501';
const DER_NULL = '0500';
/** The curves a certificate's issuer may use; people themselves sign with P-256 only. */
const CA_CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

/**
 * Checks a certificate's signature; SHA-1, MD5, short RSA keys and unknown algorithms are false, as a wrong signature is.
 *
 * Source: RFC 5280 §4.1.1.2, RFC 4055 (PSS), RFC 5758 (ECDSA), GM/T 0015 (SM2 with SM3).
 */
export const verifyCertificateSignature: VerifyCertificateSignature = ({ algorithm, spki, data, signature }) => {
  if (algorithm.oid === SM2_WITH_SM3) return verifySm2Certificate(algorithm, spki, data, signature);
  const scheme = algorithm.oid === RSASSA_PSS ? pssScheme(algorithm) : CERTIFICATE_SCHEMES[algorithm.oid];
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
    const key = importKey(spki);
    const kind = key && (['rsa', 'ec'] as const).find((each) => isGoodKey(key, each, CA_CURVES));
    found = key && kind && { key, kind };
  }
  issuerKeys.delete(name);
  issuerKeys.set(name, found);
  const [longestAgo = name] = issuerKeys.keys();
  if (issuerKeys.size > ISSUER_KEYS_LIMIT) issuerKeys.delete(longestAgo);
  return found;
}

/** SM2 with SM3, whose parameters are absent or NULL; the signature in DER, the key on the curve of SM2 and no other. */
function verifySm2Certificate(
  { parameters }: Algorithm,
  spki: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (parameters !== undefined && toHex(parameters) !== DER_NULL) return false;
  const key = readSm2PublicKey(spki);
  const raw = readSm2Signature(signature);
  return key !== undefined && raw !== undefined && verifySm2(key, data, raw);
}

/** The parameters of PSS as certificates use them: one SHA-2 for message and mask, a salt as long as the hash. */
function pssScheme({ parameters }: Algorithm): Scheme | undefined {
  if (parameters === undefined) return undefined;
  try {
    const parts = derChildren(readDerAs(parameters, TAG.sequence));
    const inner = (tag: number) => parts.filter((part) => part.tag === tag).flatMap(derChildren)[0];
    const [hashOid] = derChildren(inner(0xa0) ?? missing()).map((part, index) => (index === 0 ? derOid(part) : ''));
    const maskHash = derChildren(inner(0xa1) ?? missing())[1];
    const [maskOid] = derChildren(maskHash ?? missing()).map((part, index) => (index === 0 ? derOid(part) : ''));
    const known = PSS_HASHES[hashOid ?? ''];
    if (known === undefined || maskOid !== hashOid || derCount(inner(0xa2) ?? missing()) !== known.bytes)
      return undefined;
    return { hash: known.hash, key: 'rsa', saltLength: known.bytes };
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

function missing(): never {
  throw new CertificateError('certificate_structure', 'PSS without its parameters');
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
