/** Which hash, key and padding the signature algorithm of a certificate asks for, and which keys of issuers count as good. */
import { readSm2PublicKey } from '../gm/curve.ts';
import { readSm2Signature } from '../gm/der.ts';
import { toHex } from '../log/bytes.ts';
import type { Algorithm } from './certificate.ts';
import { CertificateError, derChildren, derCount, derOid, readDerAs, TAG } from './der.ts';

export const RSA_LEAST_BITS = 2048;
/** More bits cost the server time and buy nothing: an attacker's 16384-bit key is a burden, not a safeguard. */
export const RSA_MOST_BITS = 8192;
export const PS256_SALT_BYTES = 32;

export type SchemeHash = 'sha256' | 'sha384' | 'sha512';
/** `saltLength` stands for PSS, whose mask is of the same hash. */
export type Scheme = { readonly hash: SchemeHash; readonly key: 'rsa' | 'ec'; readonly saltLength?: number };

const SCHEMES: Readonly<Record<string, Scheme>> = {
  '1.2.840.113549.1.1.11': { hash: 'sha256', key: 'rsa' },
  '1.2.840.113549.1.1.12': { hash: 'sha384', key: 'rsa' },
  '1.2.840.113549.1.1.13': { hash: 'sha512', key: 'rsa' },
  '1.2.840.10045.4.3.2': { hash: 'sha256', key: 'ec' },
  '1.2.840.10045.4.3.3': { hash: 'sha384', key: 'ec' },
  '1.2.840.10045.4.3.4': { hash: 'sha512', key: 'ec' },
};
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const PSS_HASHES: Readonly<Record<string, { hash: SchemeHash; bytes: number }>> = {
  '2.16.840.1.101.3.4.2.1': { hash: 'sha256', bytes: 32 },
  '2.16.840.1.101.3.4.2.2': { hash: 'sha384', bytes: 48 },
  '2.16.840.1.101.3.4.2.3': { hash: 'sha512', bytes: 64 },
};

/**
 * The scheme of an algorithm; undefined for SHA-1, MD5 and whatever else does not count, and for SM2, which is no scheme of these.
 *
 * Source: RFC 5280 §4.1.1.2, RFC 4055 (PSS), RFC 5758 (ECDSA).
 */
export function schemeOf(algorithm: Algorithm): Scheme | undefined {
  return algorithm.oid === RSASSA_PSS ? pssScheme(algorithm) : SCHEMES[algorithm.oid];
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

const DER_NULL = '0500';

/**
 * Key (04 ‖ x ‖ y) and signature (r ‖ s) of a certificate signed by SM2 with SM3; undefined where one of them is none.
 *
 * Shape:  the parameters are absent or NULL; the signature in DER, the key on the curve of SM2 and no other.
 * Source: GM/T 0015.
 */
export function readSm2Signed(
  { parameters }: Algorithm,
  spki: Uint8Array,
  signature: Uint8Array,
): { readonly key: Uint8Array; readonly raw: Uint8Array } | undefined {
  if (parameters !== undefined && toHex(parameters) !== DER_NULL) return undefined;
  const key = readSm2PublicKey(spki);
  const raw = readSm2Signature(signature);
  return key === undefined || raw === undefined ? undefined : { key, raw };
}
