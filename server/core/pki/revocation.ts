/** Whether certificates of a path are revoked, by the CRLs at hand (RFC 5280 §6.3): good, revoked, or not to be known from them. */
import type { Certificate } from './certificate.ts';
import type { Crl, Revocation } from './crl.ts';
import { ALL_REASONS, type DistributionPoint, pointKeys } from './distribution-point.ts';
import { generalNameKey } from './names.ts';
import { isOver } from './path.ts';
import { checkSignature, likelyFirst, type Search } from './search.ts';

/** CRLs held against points in one question: a certificate may name thousands of points, a path has several certificates. */
export const CRL_STEP_LIMIT = 4_096;

/** Why nothing is known, from the least telling to the most: when CRLs fail differently the last one speaks. */
export const UNKNOWN_REASONS = [
  'no_crl',
  'crl_other_scope',
  'crl_unusable',
  'crl_signer',
  'crl_not_yet_valid',
  'crl_stale',
  'search_limit',
] as const;
export type UnknownReason = (typeof UNKNOWN_REASONS)[number];

export type RevocationStatus =
  /** `crls` those that together speak for all reasons, deltas included. */
  | { readonly status: 'good'; readonly crls: readonly Crl[] }
  | { readonly status: 'revoked'; readonly revocation: Revocation; readonly crls: readonly Crl[] }
  | { readonly status: 'unknown'; readonly reason: UnknownReason };

export type RevocationSearch = {
  readonly search: Search;
  /** Newest first, see newestFirst. */
  readonly crls: readonly Crl[];
  /** A list was handed in that could not be read: whose it was nobody knows, so no issuer is without a list. */
  readonly hasUnreadable: boolean;
  /** Instant, ms. */
  readonly at: number;
  crlStepsLeft: number;
  /**
   * Whether a signer of CRLs that is not on the path is itself trusted, under the same anchor, its own revocation included.
   *
   * Why: handed in, because it needs paths, which need revocation; asked within itself for the same signer it answers no.
   */
  isTrustedSigner(signer: Certificate, anchor: Certificate): boolean;
};

/** The order in which CRLs are asked: of two for the same scope the newer one speaks. */
export function newestFirst(crls: readonly Crl[]): Crl[] {
  return [...crls].sort((a, b) => b.thisUpdateAt - a.thisUpdateAt || compareNumbers(b.number, a.number));
}

function compareNumbers(a = -1n, b = -1n): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The state of a certificate.
 *
 * Shape:   `above` its issuer first, the anchor last, all of them known to be good.
 * Returns: good only when CRLs that hold now speak for every reason of revocation; total.
 * Why:     a list that is over still condemns whom it names, for what is revoked stays so, except on hold; it acquits nobody.
 * Source:  RFC 5280 §6.3.3.
 */
export function revocationOf(
  certificate: Certificate,
  above: readonly Certificate[],
  context: RevocationSearch,
): RevocationStatus {
  const used: Crl[] = [];
  let covered = 0;
  let reason: UnknownReason = context.hasUnreadable ? 'crl_unusable' : 'no_crl';
  const note = (next: UnknownReason): void => {
    if (UNKNOWN_REASONS.indexOf(next) > UNKNOWN_REASONS.indexOf(reason)) reason = next;
  };
  const implicit: DistributionPoint = { name: { full: [{ kind: 'directory', name: certificate.issuer }] } };
  for (const point of [...(certificate.crlDistributionPoints ?? []), implicit]) {
    for (const crl of context.crls) {
      if (covered === ALL_REASONS) return { status: 'good', crls: used };
      if (context.crlStepsLeft === 0) return { status: 'unknown', reason: 'search_limit' };
      context.crlStepsLeft -= 1;
      if (crl.deltaBase !== undefined || !isOfIssuer(crl, point, certificate)) continue;
      if (!isInScope(crl, point, certificate)) {
        note('crl_other_scope');
        continue;
      }
      const reasons = (crl.issuingPoint?.reasons ?? ALL_REASONS) & (point.reasons ?? ALL_REASONS);
      if ((reasons & ~covered) === 0) continue;
      const asked = askCrl(crl, { certificate, point, above, context });
      if ('unknown' in asked) note(asked.unknown);
      else if (asked.revocation !== undefined)
        return { status: 'revoked', revocation: asked.revocation, crls: asked.crls };
      else {
        covered |= reasons;
        used.push(...asked.crls);
      }
    }
  }
  return covered === ALL_REASONS ? { status: 'good', crls: used } : { status: 'unknown', reason };
}

/** RFC 5280 §6.3.3 (b)(1): the point says whose CRLs speak, otherwise the certificate's issuer's do. */
function isOfIssuer(crl: Crl, { crlIssuer }: DistributionPoint, certificate: Certificate): boolean {
  if (crlIssuer === undefined) return crl.issuer.key === certificate.issuer.key;
  if (crl.issuingPoint?.indirect !== true) return false;
  return crlIssuer.some((name) => name.kind === 'directory' && name.name.key === crl.issuer.key);
}

/** RFC 5280 §6.3.3 (b)(2): the CRL's own point meets the certificate's, and its kind is among those the CRL speaks of. */
function isInScope({ issuer, issuingPoint }: Crl, point: DistributionPoint, certificate: Certificate): boolean {
  if (issuingPoint === undefined) return true;
  const isCa = certificate.basicConstraints?.ca === true;
  if (issuingPoint.onlyAttributes || (issuingPoint.onlyUsers && isCa) || (issuingPoint.onlyCas && !isCa)) return false;
  if (issuingPoint.name === undefined) return true;
  const theirs = pointKeys(issuingPoint.name, issuer);
  const [named] = (point.crlIssuer ?? []).flatMap((name) => (name.kind === 'directory' ? [name.name] : []));
  const ours =
    point.name === undefined
      ? (point.crlIssuer ?? []).map(generalNameKey)
      : pointKeys(point.name, named ?? certificate.issuer);
  return theirs.some((key) => ours.includes(key));
}

type Asked =
  | { readonly unknown: UnknownReason }
  | { readonly revocation: Revocation | undefined; readonly crls: readonly Crl[] };

type CrlQuestion = {
  readonly certificate: Certificate;
  readonly point: DistributionPoint;
  readonly above: readonly Certificate[];
  readonly context: RevocationSearch;
};

/** RFC 5280 §6.3.3 (c), (f)–(k): what a CRL, with its newest delta, says of the certificate. */
function askCrl(crl: Crl, asked: CrlQuestion): Asked {
  const { certificate, context } = asked;
  const lookUp = (list: Crl) => list.entries.get(certificate.issuer.key)?.get(certificate.serial);
  if (crl.hasUnknownCritical) return { unknown: 'crl_unusable' };
  if (crl.thisUpdateAt > context.at) return { unknown: 'crl_not_yet_valid' };
  const entry = lookUp(crl);
  const isStale = !isFresh(crl, context.at);
  if (isStale && !isForGood(entry)) return { unknown: 'crl_stale' };
  if (!isSignedByTrusted(crl, asked)) return { unknown: 'crl_signer' };
  if (isStale) return { revocation: entry, crls: [crl] };
  const delta = context.crls.find(
    (candidate) => isDeltaOf(candidate, crl, context.at) && isSignedByTrusted(candidate, asked),
  );
  return delta === undefined
    ? { revocation: inForce(entry), crls: [crl] }
    : { revocation: inForce(lookUp(delta) ?? entry), crls: [crl, delta] };
}

function isFresh({ nextUpdateAt }: Crl, at: number): boolean {
  return nextUpdateAt !== undefined && !isOver(nextUpdateAt, at);
}

/** Whether an entry condemns for ever: a certificate on hold may come back. */
function isForGood(entry: Revocation | undefined): boolean {
  return inForce(entry) !== undefined && entry?.reason !== 'certificateHold';
}

function inForce(entry: Revocation | undefined): Revocation | undefined {
  return entry?.reason === 'removeFromCRL' ? undefined : entry;
}

/** RFC 5280 §5.2.4, §6.3.3 (c): same issuer, scope and key; it starts no later than the full list and ends after it. */
function isDeltaOf(delta: Crl, crl: Crl, at: number): boolean {
  return (
    delta.deltaBase !== undefined &&
    delta.number !== undefined &&
    crl.number !== undefined &&
    delta.issuer.key === crl.issuer.key &&
    delta.issuingPoint?.scope === crl.issuingPoint?.scope &&
    delta.authorityKeyId === crl.authorityKeyId &&
    delta.deltaBase <= crl.number &&
    delta.number > crl.number &&
    !delta.hasUnknownCritical &&
    delta.thisUpdateAt <= at &&
    isFresh(delta, at)
  );
}

/**
 * Whether a key signed the CRL that may: one on the path, or one trusted under the same anchor.
 *
 * Source: RFC 5280 §6.3.3 (f), (g); without keyUsage a certificate may sign CRLs.
 * Why:    a signer of CRLs acquits itself only where its own certificate says so, by a point that names it as cRLIssuer: then
 *         its CA chose that (PKITS 4.14.30), otherwise a revoked signer could go on denying it.
 */
function isSignedByTrusted(crl: Crl, { certificate, point, above, context }: CrlQuestion): boolean {
  const { search } = context;
  const anchor = above[above.length - 1];
  if (anchor === undefined) return false;
  const maySign = ({ subject, keyUsage }: Certificate) =>
    subject.key === crl.issuer.key && (keyUsage === undefined || keyUsage.includes('cRLSign'));
  const others = search.intermediates.filter((candidate) => candidate !== certificate && !above.includes(candidate));
  const own = point.crlIssuer === undefined ? [] : [certificate];
  return likelyFirst([...above, ...own, ...others].filter(maySign), crl.authorityKeyId).some(
    (signer) =>
      checkSignature(search, crl, signer) === 'good' &&
      (signer === certificate || above.includes(signer) || context.isTrustedSigner(signer, anchor)),
  );
}
