/** What the anchors, lists and responses at hand make of a certificate: one question, with nothing remembered and nothing kept. */

import { toBase64Url } from '../core/log/base64.ts';
import { STRICT_ALGORITHMS } from '../core/pki/algorithms.ts';
import { type Certificate, parseCertificate } from '../core/pki/certificate.ts';
import {
  type Purpose as AnyPurpose,
  type CertificateStatus,
  CHAIN_REASONS,
  type ChainReason,
  type ChainResult,
  verifyChain,
} from '../core/pki/chain.ts';
import type { Crl } from '../core/pki/crl.ts';
import { CertificateError } from '../core/pki/der.ts';
import { conditionsOf, type Grounds, holdsOn, type Judged, judge, outcomeOf } from '../core/pki/judge.ts';
import { FILES_LIMIT } from '../core/pki/judgement.ts';
import { askOcsp, type OcspResponse } from '../core/pki/ocsp.ts';
import { createSearch } from '../core/pki/search.ts';
import { readSubject, type Subject, type SubjectRefusal } from '../core/pki/subject.ts';
import { type AnchorVersion, anchorsAt, believedUntil, type TrustTerms } from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import { ocspDigest } from './evidence.ts';
import { type IdentityRefusal, type Outcome, refuse } from './refusals.ts';
import { verifyCertificateSignature } from './signature.ts';

/** What a CA is trusted for here. */
type Purpose = Exclude<AnyPurpose, 'any'>;

/** A certificate that is trusted, and whom it speaks for. */
export type CheckedCertificate = {
  readonly certificate: Certificate;
  /** base64url SHA-256 of the certificate, as `x5t#S256` has it. */
  readonly certSha256: string;
  readonly subject: Subject;
  readonly anchorSha256: string;
  /** Leaf to anchor, as it is to be stored with the record. */
  readonly path: readonly Certificate[];
  /** Otherwise than good only when the question let it pass. */
  readonly outcome: Judged;
  /** When it was revoked or ran out, whichever came first; null of one that has not. */
  readonly lapsedAt: number | null;
  /** Whether a list or response at hand names the certificate itself as revoked, not only one above it. */
  readonly isNamedRevoked: boolean;
  /** How each certificate of the path but the anchor stands, in its order; empty of one that has lapsed. */
  readonly revocation: readonly Pick<CertificateStatus, 'status'>[];
  /** What it was judged by, files included: all that somebody needs who judges it again. */
  readonly grounds: Grounds;
};

export type CertificateQuestion = {
  /** DER, leaf first, as `x5c` has them. */
  readonly certificates: readonly Uint8Array[];
  readonly purpose: Purpose;
  /** Instant, ms: the server's, never one that the person claims. */
  readonly at: number;
  /**
   * `pass` takes what cannot be determined as unknown; what is revoked is refused all the same.
   *
   * Why: only for the operator who brings a fresh list: when the one that he stands on himself is over, nobody else could.
   */
  readonly undetermined?: 'refuse' | 'pass';
  /** `pass` takes one that was revoked or ran out, when its path holds but for that; the outcome says so. */
  readonly lapsed?: 'refuse' | 'pass';
  /**
   * Where what has lapsed passes: an earlier instant, ms, of which the path is asked when it holds no longer.
   *
   * Why: the last instant before an opening's deadline. A CA may end, or a certificate of its own run out, between the deadline and
   *      the window: no bidder can help it.
   */
  readonly asOf?: number;
};

/** Whom we believe, and what is at hand about their certificates. */
export type AtHand = {
  readonly anchors: readonly AnchorVersion[];
  readonly crls: readonly Crl[];
  readonly responses: readonly OcspResponse[];
};

const CHAIN_REFUSALS = {
  no_path: 'certificate_not_trusted',
  algorithm_refused: 'certificate_not_trusted',
  name_not_permitted: 'certificate_not_trusted',
  name_excluded: 'certificate_not_trusted',
  policy: 'certificate_not_trusted',
  issuer_revoked: 'certificate_revoked',
  revoked: 'certificate_revoked',
  malformed: 'certificate_malformed',
  search_limit: 'certificate_not_trusted',
  bad_signature: 'certificate_not_trusted',
  issuer_not_ca: 'certificate_not_trusted',
  issuer_key_usage: 'certificate_not_trusted',
  path_too_long: 'certificate_not_trusted',
  constraint_not_supported: 'certificate_not_trusted',
  unknown_critical_extension: 'certificate_not_trusted',
  issuer_not_yet_valid: 'certificate_not_trusted',
  issuer_expired: 'certificate_not_trusted',
  not_yet_valid: 'certificate_not_yet_valid',
  expired: 'certificate_expired',
  leaf_is_ca: 'certificate_wrong_usage',
  key_usage: 'certificate_wrong_usage',
  extended_key_usage: 'certificate_wrong_usage',
} as const satisfies Record<ChainReason, IdentityRefusal>;

const SUBJECT_REFUSALS = {
  credit_code_missing: 'credit_code_invalid',
  credit_code_invalid: 'credit_code_invalid',
  subject_ambiguous: 'certificate_subject_unclear',
  organisation_missing: 'certificate_subject_unclear',
  name_missing: 'certificate_subject_unclear',
  person_id_invalid: 'certificate_subject_unclear',
} as const satisfies Record<SubjectRefusal, IdentityRefusal>;

const TOOLS = { digest: ocspDigest, verifySignature: verifyCertificateSignature };

/**
 * Whether a certificate is trusted for a purpose at an instant, and whom it speaks for.
 *
 * Refuses: the certificate_… codes and credit_code_invalid.
 * Why:     first everything at hand is asked, which finds a path; then the path is judged by those files alone that are to be kept,
 *          so that whoever has them comes to the same.
 */
export function checkCertificate(
  { certificates, purpose, at, undetermined = 'refuse', lapsed = 'refuse', asOf: earlier }: CertificateQuestion,
  atHand: AtHand,
): Outcome<CheckedCertificate> {
  const parsed = parseAll(certificates);
  if ('refused' in parsed) return parsed;
  const asked = { ...parsed, purpose, atHand };
  const result = askAt(asked, { at });
  const outcome = outcomeOf(result);
  if (outcome === 'undetermined' && undetermined === 'refuse')
    return refuse('certificate_undetermined', 'reason' in result ? result.reason : undefined);
  const refused =
    'path' in result ? refuse('certificate_not_trusted') : refuse(CHAIN_REFUSALS[result.reason], result.reason);
  if (!('path' in result) && lapsed === 'refuse') return refused;
  const found = pathOf(asked, result, at, earlier);
  if (found === undefined) return refused;
  const { path, asOf } = found;
  const anchor = anchorOf(path, asked, asOf ?? at);
  const read = readSubject(parsed.leaf, anchor.terms.rule);
  if ('refused' in read) return refuse(SUBJECT_REFUSALS[read.refused], read.refused);
  const base = { purpose, at, asOf, terms: anchor.terms, path };
  const grounds: Grounds = {
    ...base,
    believedUntil: asOf === null ? null : untilOf(anchor, base, atHand),
    ...filesFor(path, parsed.intermediates, result, at, atHand),
  };
  const standing = judge(grounds, TOOLS);
  if (standing === undefined) return refused;
  if (standing.outcome === 'undetermined' && undetermined === 'refuse') return refuse('certificate_undetermined');
  if (standing.lapsedAt !== null && lapsed === 'refuse') return refuse('certificate_revoked');
  return {
    ok: true,
    certificate: parsed.leaf,
    certSha256: thumbprintOf(parsed.leaf),
    subject: read.subject,
    anchorSha256: anchor.certSha256,
    path,
    outcome: standing.outcome,
    lapsedAt: standing.lapsedAt,
    isNamedRevoked: isNamedIn(parsed.leaf, grounds),
    revocation: standing.revocation.map(({ status }) => ({ status })),
    grounds,
  };
}

type Asked = {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  readonly purpose: Purpose;
  readonly atHand: AtHand;
};

type When = {
  readonly at: number;
  /** Whose anchors are asked; those of `at` when left out. */
  readonly believedAt?: number;
  readonly revocation?: 'ignored';
};

/** What the anchors of an instant make of it. */
function askAt(
  { leaf, intermediates, purpose, atHand }: Asked,
  { at, believedAt = at, ...changes }: When,
): ChainResult {
  const effective = anchorsAt(atHand.anchors, believedAt).filter(({ terms }) => terms.purposes.includes(purpose));
  return groupsOf(effective)
    .map(({ conditions, group }) =>
      verifyChain({
        leaf,
        intermediates,
        ...conditionsOf(conditions),
        anchors: group.map(({ certificate }) => certificate),
        crls: atHand.crls,
        ocsp: { responses: atHand.responses, digest: ocspDigest },
        at,
        purpose,
        verifySignature: verifyCertificateSignature,
        ...changes,
      }),
    )
    .reduce<ChainResult>(moreTelling, { ok: false, undetermined: false, reason: 'no_path' });
}

/** The path that holds, but for what has lapsed; `asOf` the earlier instant at which it did, when it does no longer. */
function pathOf(
  asked: Asked,
  result: ChainResult,
  at: number,
  earlier: number | undefined,
): { readonly path: readonly Certificate[]; readonly asOf: number | null } | undefined {
  if ('path' in result) return { path: result.path, asOf: null };
  if (outcomeOf(result) !== undefined) {
    // But for that its path must hold: otherwise nobody vouches for whose it is.
    const validAt = Math.min(at, asked.leaf.notAfterAt);
    const held = askAt(asked, { at: validAt, believedAt: at, revocation: 'ignored' });
    if (held.ok) return { path: held.path, asOf: null };
  }
  if (earlier === undefined || earlier >= at) return undefined;
  const held = askAt(asked, { at: earlier, revocation: 'ignored' });
  return held.ok ? { path: held.path, asOf: earlier } : undefined;
}

function anchorOf(path: readonly Certificate[], { purpose, atHand }: Asked, believedAt: number): AnchorVersion {
  const anchor = anchorsAt(atHand.anchors, believedAt).find(
    ({ certificate, terms }) => certificate === path.at(-1) && terms.purposes.includes(purpose),
  );
  if (anchor === undefined) throw new Error('a path ended at no anchor');
  return anchor;
}

/**
 * The files that are to be kept of what was at hand: no more than a judgement may name, what decided first.
 *
 * Why: a CA may publish its lists in hundreds of parts. Those that condemned or acquitted are enough; of the others, which only say
 *      that nothing was known, the newest stand for all.
 */
function filesFor(
  path: readonly Certificate[],
  intermediates: readonly Certificate[],
  result: ChainResult,
  at: number,
  { crls, responses }: AtHand,
): Pick<Grounds, 'others' | 'crls' | 'responses'> {
  const below = path.slice(0, -1);
  const states = 'revocation' in result ? result.revocation : [];
  const used = states.flatMap((state) => ('crls' in state ? state.crls : []));
  const own = crls.filter((crl) => below.some((certificate) => speaksOf(crl, certificate)));
  // A list may be signed by somebody who is not on the path, under the issuer's own name even, and of whom other lists speak.
  const beside = intermediates.filter((each) => !path.includes(each));
  const maySign = beside.some(({ subject }) => own.some(({ issuer }) => issuer.key === subject.key));
  const others = maySign ? beside : [];
  const aside = crls.filter((crl) => others.some((certificate) => speaksOf(crl, certificate)));
  const naming = own.filter((crl) => below.some(({ issuer, serial }) => crl.entries.get(issuer.key)?.has(serial)));
  const newest = [...own, ...aside].toSorted((some, other) => other.thisUpdateAt - some.thisUpdateAt);
  const answers = result.ok
    ? states.flatMap((state) => ('ocsp' in state ? [state.ocsp] : []))
    : responses.filter(isOfOurs(path, at));
  return {
    others,
    crls: [...new Set([...used, ...naming, ...newest])].slice(0, FILES_LIMIT),
    responses: [...new Set(answers)].slice(0, FILES_LIMIT),
  };
}

/** Does any of these name the certificate, whoever signed it, and whether or not another takes it back? */
function isNamedIn({ issuer, serial }: Certificate, { crls, responses }: Pick<Grounds, 'crls' | 'responses'>): boolean {
  return (
    crls.some((crl) => crl.entries.get(issuer.key)?.has(serial)) ||
    responses.some(({ answers }) => answers.some((each) => each.serial === serial && typeof each.state === 'object'))
  );
}

/**
 * Whether a response speaks of a certificate of the path and is by somebody who may say so, now or at the last instant of its dates.
 *
 * Why: anybody may send statements with junk that looks like a response; nothing of it is kept.
 */
function isOfOurs(path: readonly Certificate[], at: number): (response: OcspResponse) => boolean {
  const [leaf] = path;
  const ends = path.map(({ notAfterAt }) => notAfterAt);
  const instants = new Set([at, Math.min(at, leaf?.notAfterAt ?? at), Math.min(at, ...ends)]);
  const search = createSearch({
    anchors: path.slice(-1),
    intermediates: path.slice(1, -1),
    algorithms: STRICT_ALGORITHMS,
    verifySignature: verifyCertificateSignature,
  });
  return (response) =>
    path.slice(0, -1).some((certificate, index) => {
      const issuer = path[index + 1] as Certificate;
      return [...instants].some((when) => {
        const terms = { certificate, issuer, at: when, digest: ocspDigest, search, isNotRevoked: () => true };
        const answer = askOcsp(response, terms);
        return !('unknown' in answer) || answer.unknown === 'ocsp_stale' || answer.unknown === 'ocsp_unknown';
      });
    });
}

function speaksOf(crl: Crl, { issuer }: Certificate): boolean {
  return crl.issuer.key === issuer.key || crl.entries.has(issuer.key);
}

/** From when on the anchor was believed no longer on terms that let the path pass. */
function untilOf(
  anchor: AnchorVersion,
  { purpose, path, asOf, at }: Pick<Grounds, 'purpose' | 'path' | 'asOf' | 'at'>,
  { anchors }: AtHand,
): number | null {
  const passes = (version: AnchorVersion): boolean => holdsOn(version, { purpose, path }, TOOLS);
  const until = believedUntil(anchors, { certSha256: anchor.certSha256, at: asOf ?? at }, passes);
  return until !== null && until <= at ? until : null;
}

/** What a path under an anchor must fulfil. */
type Conditions = Pick<TrustTerms, 'revocation' | 'extendedUsages' | 'policies'>;

/** Anchors whose paths must fulfil the same are asked together. */
function groupsOf(anchors: readonly AnchorVersion[]): { conditions: Conditions; group: AnchorVersion[] }[] {
  const groups = new Map<string, { conditions: Conditions; group: AnchorVersion[] }>();
  for (const anchor of anchors) {
    const { revocation, extendedUsages, policies } = anchor.terms;
    const conditions = { revocation, extendedUsages, policies };
    const name = JSON.stringify(conditions);
    const known = groups.get(name) ?? { conditions, group: [] };
    known.group.push(anchor);
    groups.set(name, known);
  }
  return [...groups.values()];
}

/** Of two groups' answers: one that is good, one that condemns for good, one that is open, the more telling refusal. */
function moreTelling(some: ChainResult, other: ChainResult): ChainResult {
  const weight = (result: ChainResult): number => {
    if (result.ok) return CHAIN_REASONS.length + 2;
    if (result.undetermined) return CHAIN_REASONS.length;
    return result.reason === 'revoked' ? CHAIN_REASONS.length + 1 : CHAIN_REASONS.indexOf(result.reason);
  };
  return weight(other) > weight(some) ? other : some;
}

function parseAll(certificates: readonly Uint8Array[]): Outcome<{ leaf: Certificate; intermediates: Certificate[] }> {
  try {
    const [leaf, ...intermediates] = certificates.map(parseCertificate);
    return leaf === undefined ? refuse('certificate_malformed') : { ok: true, leaf, intermediates };
  } catch (error) {
    if (error instanceof CertificateError) return refuse('certificate_malformed', error.code);
    throw error;
  }
}

/** base64url SHA-256 of a certificate, as `x5t#S256` has it. */
export function thumbprintOf(certificate: Certificate): string {
  return toBase64Url(sha256(certificate.der));
}
