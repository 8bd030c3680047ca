/** Whether a certificate is trusted for a purpose at an instant: anchor to leaf, pure; the signature check is handed in. */
import { sameBytes } from '../log/bytes.ts';
import { type Algorithm, type Certificate, EXTENSION, isEmptyName, type KeyUsage } from './certificate.ts';

export const PURPOSES = ['sign', 'encrypt'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Why a chain is refused, from the least telling to the most: when paths fail differently the last one speaks. */
export const CHAIN_REASONS = [
  'no_path',
  'search_limit',
  'bad_signature',
  'issuer_not_ca',
  'issuer_key_usage',
  'path_too_long',
  'constraint_not_supported',
  'unknown_critical_extension',
  'issuer_not_yet_valid',
  'issuer_expired',
  'not_yet_valid',
  'expired',
  'leaf_is_ca',
  'key_usage',
  'extended_key_usage',
] as const;
export type ChainReason = (typeof CHAIN_REASONS)[number];

export type ChainResult =
  /** `path` runs from the leaf to the anchor, both included. */
  { readonly ok: true; readonly path: readonly Certificate[] } | { readonly ok: false; readonly reason: ChainReason };

/** Checks one signature: true only when `data` was signed so by the key in `spki` with an algorithm that is still good. */
export type VerifyCertificateSignature = (signed: {
  readonly algorithm: Algorithm;
  readonly spki: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}) => boolean;

export type ChainQuestion = {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  /** Instant, ms. */
  readonly at: number;
  readonly purpose: Purpose;
  readonly verifySignature: VerifyCertificateSignature;
};

/** Intermediates between anchor and leaf; Chinese CAs use one or two. */
export const PATH_LIMIT = 6;
/** Signature checks in one search: what an attacker's tangle of cross-certificates may cost. */
export const SIGNATURE_LIMIT = 64;

/**
 * The key usages of which a certificate must state one.
 *
 * Why: of a pair of certificates only this tells the signing key from the encryption key, of which the CA's key centre
 * keeps a copy; so a certificate that states no usage is refused, although RFC 5280 would let it do anything.
 */
const USAGE_FOR = {
  sign: ['digitalSignature'],
  encrypt: ['keyEncipherment', 'dataEncipherment', 'keyAgreement'],
} as const satisfies Record<Purpose, readonly KeyUsage[]>;

const ANY_EXTENDED_USAGE = '2.5.29.37.0';
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';
const DOCUMENT_SIGNING = '1.3.6.1.5.5.7.3.36';

/** A certificate that states extended usages must state one of these; a server's or a code signer's is refused. */
const EXTENDED_USAGE_FOR = {
  sign: [ANY_EXTENDED_USAGE, CLIENT_AUTHENTICATION, EMAIL_PROTECTION, DOCUMENT_SIGNING],
  encrypt: [ANY_EXTENDED_USAGE, CLIENT_AUTHENTICATION, EMAIL_PROTECTION],
} as const satisfies Record<Purpose, readonly string[]>;

const PROCESSED: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.issuerAltName,
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.authorityKeyIdentifier,
  // The initial policy set is any-policy and none is required, so a policy by itself forbids nothing.
  EXTENSION.certificatePolicies,
  EXTENSION.crlDistributionPoints,
]);

/** What narrows a CA and is not processed here: such a CA is refused, critical or not, rather than trusted too widely. */
const NOT_SUPPORTED = [
  EXTENSION.nameConstraints,
  EXTENSION.policyConstraints,
  EXTENSION.policyMappings,
  EXTENSION.inhibitAnyPolicy,
] as const;

/**
 * Finds a path from one of the anchors to the leaf that holds at this instant for this purpose.
 *
 * Returns: the path, or the most telling reason; total, and bounded whatever the certificates are.
 * Source:  RFC 5280 §6.1 without policies, name constraints and revocation, which come behind this same interface.
 */
export function verifyChain(question: ChainQuestion): ChainResult {
  const search: Search = { question, signaturesLeft: SIGNATURE_LIMIT, reason: 'no_path' };
  const path = extend([question.leaf], search);
  return path === undefined ? { ok: false, reason: search.reason } : { ok: true, path };
}

type Search = { readonly question: ChainQuestion; signaturesLeft: number; reason: ChainReason };

function extend(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  const { anchors, intermediates } = search.question;
  const last = path[path.length - 1];
  if (last === undefined || isEmptyName(last.issuer)) return undefined;
  const issues = (candidate: Certificate) =>
    candidate.subject.key === last.issuer.key && !path.some((known) => isSameKeyholder(known, candidate));
  for (const anchor of anchors.filter(issues)) {
    if (!isSignedBy(last, anchor, search)) continue;
    const whole = [...path, anchor];
    const reason = whyNot(whole, search.question);
    if (reason === undefined) return whole;
    note(search, reason);
  }
  const candidates = intermediates.filter(issues);
  if (candidates.length > 0 && path.length > PATH_LIMIT) {
    note(search, 'path_too_long');
    return undefined;
  }
  for (const candidate of candidates) {
    if (!isSignedBy(last, candidate, search)) continue;
    const found = extend([...path, candidate], search);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The same name with the same key: going through it again can only go round in a loop. */
function isSameKeyholder(a: Certificate, b: Certificate): boolean {
  return a.subject.key === b.subject.key && sameBytes(a.spki, b.spki);
}

function isSignedBy(certificate: Certificate, issuer: Certificate, search: Search): boolean {
  if (search.signaturesLeft === 0) {
    note(search, 'search_limit');
    return false;
  }
  search.signaturesLeft -= 1;
  const { tbs: data, signature, signatureAlgorithm: algorithm } = certificate;
  const good = search.question.verifySignature({ algorithm, spki: issuer.spki, data, signature });
  if (!good) note(search, 'bad_signature');
  return good;
}

function note(search: Search, reason: ChainReason): void {
  if (CHAIN_REASONS.indexOf(reason) > CHAIN_REASONS.indexOf(search.reason)) search.reason = reason;
}

function whyNot(path: readonly Certificate[], question: ChainQuestion): ChainReason | undefined {
  let certificatesBelow = 0;
  for (const [index, certificate] of path.entries()) {
    const reason =
      index === 0 ? whyNotLeaf(certificate, question) : whyNotIssuer(certificate, certificatesBelow, question.at);
    if (reason !== undefined) return reason;
    if (index > 0 && certificate.subject.key !== certificate.issuer.key) certificatesBelow += 1;
  }
  return undefined;
}

function whyNotLeaf(leaf: Certificate, { at, purpose }: ChainQuestion): ChainReason | undefined {
  if (hasUnknownCritical(leaf)) return 'unknown_critical_extension';
  if (isBefore(leaf, at)) return 'not_yet_valid';
  if (isAfter(leaf, at)) return 'expired';
  if (leaf.basicConstraints?.ca === true) return 'leaf_is_ca';
  const usages: readonly KeyUsage[] = USAGE_FOR[purpose];
  if (!leaf.keyUsage?.some((usage) => usages.includes(usage))) return 'key_usage';
  const extended: readonly string[] = EXTENDED_USAGE_FOR[purpose];
  if (leaf.extendedKeyUsage && !leaf.extendedKeyUsage.some((usage) => extended.includes(usage)))
    return 'extended_key_usage';
  return undefined;
}

function whyNotIssuer(issuer: Certificate, certificatesBelow: number, at: number): ChainReason | undefined {
  if (issuer.extensions.some(({ oid }) => NOT_SUPPORTED.some((name) => name === oid)))
    return 'constraint_not_supported';
  if (hasUnknownCritical(issuer)) return 'unknown_critical_extension';
  if (isBefore(issuer, at)) return 'issuer_not_yet_valid';
  if (isAfter(issuer, at)) return 'issuer_expired';
  if (issuer.version !== 3 || issuer.basicConstraints?.ca !== true) return 'issuer_not_ca';
  if (issuer.keyUsage && !issuer.keyUsage.includes('keyCertSign')) return 'issuer_key_usage';
  const { pathLength } = issuer.basicConstraints;
  if (pathLength !== undefined && certificatesBelow > pathLength) return 'path_too_long';
  return undefined;
}

function hasUnknownCritical(certificate: Certificate): boolean {
  return certificate.extensions.some(({ oid, critical }) => critical && !PROCESSED.has(oid));
}

function isBefore(certificate: Certificate, at: number): boolean {
  return at < certificate.notBeforeAt;
}

/** Certificate times are whole seconds, so the last second holds to its end. */
function isAfter(certificate: Certificate, at: number): boolean {
  return at >= certificate.notAfterAt + 1000;
}
