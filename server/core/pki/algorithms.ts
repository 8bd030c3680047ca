/** Which algorithms and keys still count as good in a path: a policy, strict by default, read from OIDs and public keys. */
import type { Algorithm } from './certificate.ts';
import { CertificateError, derBitBytes, derChildren, derInteger, derOid, expectTag, readDerAs, TAG } from './der.ts';

export type AlgorithmPolicy = {
  /** OIDs of signature algorithms. */
  readonly signatures: readonly string[];
  readonly rsaLeastBits: number;
  /** More bits cost time and buy nothing: an attacker's 16384-bit key is a burden, not a safeguard. */
  readonly rsaMostBits: number;
  /** OIDs of named curves. */
  readonly curves: readonly string[];
};

const RSA = '1.2.840.113549.1.1';
const ECDSA = '1.2.840.10045.4.3';
const ED25519 = '1.3.101.112';
export const SM2_WITH_SM3 = '1.2.156.10197.1.501';
export const SM2_CURVE = '1.2.156.10197.1.301';

/** SHA-2 with RSA of 2048 bits and more, with P-256, P-384 and P-521; Ed25519; SM2 with SM3. No SHA-1, no MD5, no DSA. */
export const STRICT_ALGORITHMS: AlgorithmPolicy = {
  signatures: [
    ...[10, 11, 12, 13].map((arc) => `${RSA}.${arc}`),
    ...[2, 3, 4].map((arc) => `${ECDSA}.${arc}`),
    ED25519,
    SM2_WITH_SM3,
  ],
  rsaLeastBits: 2048,
  rsaMostBits: 8192,
  curves: ['1.2.840.10045.3.1.7', '1.3.132.0.34', '1.3.132.0.35', SM2_CURVE],
};

export type PublicKey =
  | { readonly kind: 'rsa'; readonly bits: number }
  | { readonly kind: 'ec'; readonly curve: string }
  | { readonly kind: 'other'; readonly oid: string };

/** What kind of key a SubjectPublicKeyInfo holds and how strong it is. Throws: CertificateError. */
export function readPublicKey(spki: Uint8Array): PublicKey {
  const [algorithm, key] = derChildren(readDerAs(spki, TAG.sequence));
  const [name, parameters] = derChildren(expectTag(algorithm, TAG.sequence));
  const oid = derOid(expectTag(name, TAG.oid));
  if (oid === `${RSA}.1`) {
    // RFC 3279 §2.3.1: they MUST be NULL. Others are taken by some readers and not by others.
    if (parameters?.tag !== TAG.null || parameters.content.length > 0) return { kind: 'other', oid };
    const [modulus] = derChildren(readDerAs(derBitBytes(expectTag(key, TAG.bitString)), TAG.sequence));
    return { kind: 'rsa', bits: bitLength(derInteger(expectTag(modulus, TAG.integer))) };
  }
  // Curves by explicit parameters (CVE-2020-0601) have no name and so are of no kind that is accepted.
  if (oid === '1.2.840.10045.2.1' && parameters?.tag === TAG.oid) return { kind: 'ec', curve: derOid(parameters) };
  return { kind: 'other', oid };
}

function bitLength(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first] ?? 0) + 24;
}

/**
 * Whether a signature of this algorithm by this key may count at all: both are allowed, and fit each other.
 *
 * Returns: false too for a key that cannot be read; total.
 */
export function isAllowed(policy: AlgorithmPolicy, { oid }: Algorithm, spki: Uint8Array): boolean {
  if (!policy.signatures.includes(oid)) return false;
  try {
    const key = readPublicKey(spki);
    if (key.kind === 'rsa')
      return oid.startsWith(`${RSA}.`) && key.bits >= policy.rsaLeastBits && key.bits <= policy.rsaMostBits;
    if (key.kind === 'ec') {
      const family = key.curve === SM2_CURVE ? oid === SM2_WITH_SM3 : oid.startsWith(`${ECDSA}.`);
      return family && policy.curves.includes(key.curve);
    }
    return key.oid === oid;
  } catch (error) {
    if (error instanceof CertificateError) return false;
    throw error;
  }
}
