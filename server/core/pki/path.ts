/** Whether a row of certificates is a path: what each says of itself and allows the next (RFC 5280 §6.1), signatures and revocation left out. */
import { type Certificate, isSelfIssued } from './certificate.ts';
import { EXTENSION, type NameConstraints } from './extensions.ts';
import { type NameBudget, type NameReason, whyNamesNot } from './name-constraints.ts';
import { type PolicyReason, type PolicyTerms, walkPolicies } from './policy.ts';

export type PathReason =
  | NameReason
  | PolicyReason
  | 'issuer_not_ca'
  | 'issuer_key_usage'
  | 'path_too_long'
  | 'unknown_critical_extension'
  | 'issuer_not_yet_valid'
  | 'issuer_expired'
  | 'not_yet_valid'
  | 'expired';

export type PathResult =
  /** `policies` those under which the path holds; RFC 5280's any-policy is 2.5.29.32.0. */
  { readonly ok: true; readonly policies: readonly string[] } | { readonly ok: false; readonly reason: PathReason };

const PROCESSED: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.issuerAltName,
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.nameConstraints,
  EXTENSION.certificatePolicies,
  EXTENSION.policyMappings,
  EXTENSION.policyConstraints,
  EXTENSION.inhibitAnyPolicy,
  EXTENSION.crlDistributionPoints,
]);

/**
 * Judges a path whose signatures hold and whose names follow each other.
 *
 * Shape:   leaf first, anchor last, two certificates at least.
 * Returns: the policies, or the first thing that forbids it, seen from the anchor down, the leaf's own dates before all; total.
 * Source:  RFC 5280 §6.1; the anchor's own dates, usage and constraints bind as well (RFC 5937).
 */
export function checkPath(path: readonly Certificate[], { at, policies, names }: PathTerms): PathResult {
  const leafFirst = path.slice(0, -1);
  const [anchor, leaf] = [path[path.length - 1], path[0]];
  if (anchor === undefined || leaf === undefined) return { ok: false, reason: 'path_too_long' };
  const walk = walkPolicies(leafFirst.length, policies);
  const constraints: NameConstraints[] = [];
  // The leaf's own dates first: they are what its holder can do something about.
  const endsReason = whyNotHere(leaf, at, true) ?? whyNotHere(anchor, at, false) ?? whyNotIssuer(anchor);
  if (endsReason !== undefined) return { ok: false, reason: endsReason };
  walk.begin(anchor);
  if (anchor.nameConstraints !== undefined) constraints.push(anchor.nameConstraints);
  let lengthLeft = anchor.basicConstraints?.pathLength ?? Number.POSITIVE_INFINITY;

  for (const certificate of [...leafFirst].reverse()) {
    const isLeaf = certificate === leaf;
    const named = isSelfIssued(certificate) && !isLeaf ? undefined : whyNamesNot(certificate, constraints, names);
    const reason = whyNotHere(certificate, at, isLeaf) ?? named ?? walk.enter(certificate, isLeaf);
    if (reason !== undefined) return { ok: false, reason };
    if (isLeaf) continue;
    const issuerReason = whyNotIssuer(certificate) ?? walk.leave(certificate);
    if (issuerReason !== undefined) return { ok: false, reason: issuerReason };
    if (!isSelfIssued(certificate)) lengthLeft -= 1;
    if (lengthLeft < 0) return { ok: false, reason: 'path_too_long' };
    lengthLeft = Math.min(lengthLeft, certificate.basicConstraints?.pathLength ?? lengthLeft);
    if (certificate.nameConstraints !== undefined) constraints.push(certificate.nameConstraints);
  }
  const held = walk.finish(leaf);
  return 'reason' in held ? { ok: false, reason: held.reason } : { ok: true, policies: held.policies };
}

export type PathTerms = {
  /** Instant, ms. */
  readonly at: number;
  readonly policies: PolicyTerms;
  /** Shared by all paths of one question, so that many paths cost no more than one. */
  readonly names: NameBudget;
};

function whyNotHere(certificate: Certificate, at: number, isLeaf: boolean): PathReason | undefined {
  if (certificate.extensions.some(({ oid, critical }) => critical && !PROCESSED.has(oid)))
    return 'unknown_critical_extension';
  if (at < certificate.notBeforeAt) return isLeaf ? 'not_yet_valid' : 'issuer_not_yet_valid';
  if (isOver(certificate.notAfterAt, at)) return isLeaf ? 'expired' : 'issuer_expired';
  return undefined;
}

/** Times in certificates and CRLs are whole seconds, so the last second holds to its end. */
export function isOver(lastAt: number, at: number): boolean {
  return at >= lastAt + 1_000;
}

function whyNotIssuer({ version, basicConstraints, keyUsage }: Certificate): PathReason | undefined {
  if (version !== 3 || basicConstraints?.ca !== true) return 'issuer_not_ca';
  return keyUsage === undefined || keyUsage.includes('keyCertSign') ? undefined : 'issuer_key_usage';
}
