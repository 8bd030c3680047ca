/** Whether a certificate is trusted for a purpose at an instant: the front of this room; pure, hash and signature checks are handed in. */
import { type AlgorithmPolicy, STRICT_ALGORITHMS } from './algorithms.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { type Crl, parseCrl, type Revocation } from './crl.ts';
import { CertificateError } from './der.ts';
import type { KeyUsage } from './extensions.ts';
import { NAME_COMPARISON_LIMIT, type NameBudget } from './name-constraints.ts';
import { askOcsp, type Digest, OCSP_REASONS, type OcspReason, type OcspResponse, parseOcspResponse } from './ocsp.ts';
import { checkPath } from './path.ts';
import type { PolicyTerms } from './policy.ts';
import {
  CRL_STEP_LIMIT,
  newestFirst,
  type RevocationSearch,
  type RevocationStatus,
  revocationOf,
  UNKNOWN_REASONS,
  type UnknownReason,
} from './revocation.ts';
import { createSearch, findPath, type Search, type VerifyCertificateSignature } from './search.ts';

/** What the leaf is to be used for; `any` asks for a path only, and nothing of the leaf's own usage. */
export const PURPOSES = ['sign', 'encrypt', 'any'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Why a chain is refused, from the least telling to the most: when paths fail differently the last one speaks. */
export const CHAIN_REASONS = [
  'no_path',
  'search_limit',
  'bad_signature',
  'algorithm_refused',
  'issuer_not_ca',
  'issuer_key_usage',
  'path_too_long',
  'constraint_not_supported',
  'name_not_permitted',
  'name_excluded',
  'policy',
  'unknown_critical_extension',
  'issuer_not_yet_valid',
  'issuer_expired',
  'issuer_revoked',
  'not_yet_valid',
  'expired',
  'leaf_is_ca',
  'key_usage',
  'extended_key_usage',
  'revoked',
  'malformed',
] as const;
export type ChainReason = (typeof CHAIN_REASONS)[number];

/**
 * What is made of certificates below the anchor of whose revocation nothing is known: `required` leaves the question open,
 * `when_known` lets those pass for whose issuer no CRL at all is at hand, `ignored` asks no CRL.
 */
export type RevocationMode = 'required' | 'when_known' | 'ignored';

/** The state of one certificate: what the lists say, or where they say nothing the OCSP response that did. */
export type CertificateStatus =
  | RevocationStatus
  | { readonly status: 'good'; readonly crls: readonly []; readonly ocsp: OcspResponse }
  | {
      readonly status: 'revoked';
      readonly revocation: Revocation;
      readonly crls: readonly [];
      readonly ocsp: OcspResponse;
    }
  | { readonly status: 'unknown'; readonly reason: OcspReason };

export type ChainResult =
  | {
      readonly ok: true;
      /** From the leaf to the anchor, both included. */
      readonly path: readonly Certificate[];
      /** Policies under which the path holds; 2.5.29.32.0 stands for any. */
      readonly policies: readonly string[];
      /** The state of each certificate of the path but the anchor, in its order; empty when revocation is ignored. */
      readonly revocation: readonly CertificateStatus[];
    }
  | { readonly ok: false; readonly undetermined: false; readonly reason: ChainReason }
  /** Neither good nor refused: a path that holds, and no saying whether something on it was revoked. */
  | {
      readonly ok: false;
      readonly undetermined: true;
      readonly reason: UnknownReason | OcspReason;
      readonly path: readonly Certificate[];
      readonly revocation: readonly CertificateStatus[];
    };

export type ChainQuestion = PolicyTerms & {
  /** DER, or what parseCertificate made of it; so with all that follow. */
  readonly leaf: Uint8Array | Certificate;
  /** What may stand between; one that cannot be read is passed over. */
  readonly intermediates: readonly (Uint8Array | Certificate)[];
  readonly anchors: readonly (Uint8Array | Certificate)[];
  /** Of any issuers, full and delta, in any order; a list that is asked often is best handed in parsed. */
  readonly crls?: readonly (Uint8Array | Crl)[];
  /** OCSP responses, and what they are read with; `nonce` what was sent with the question, when it was. */
  readonly ocsp?: {
    readonly responses: readonly (Uint8Array | OcspResponse)[];
    readonly digest: Digest;
    readonly nonce?: Uint8Array;
  };
  /** `required` when absent. */
  readonly revocation?: RevocationMode;
  /** Instant, ms. */
  readonly at: number;
  readonly purpose: Purpose;
  /** Extended usages of which the leaf must state one if it states any; by default those that fit the purpose. */
  readonly extendedUsages?: readonly string[];
  /** STRICT_ALGORITHMS when absent. */
  readonly algorithms?: AlgorithmPolicy;
  readonly verifySignature: VerifyCertificateSignature;
};

/**
 * The key usages of which a certificate must state one.
 *
 * Why: of a pair of certificates only this tells the signing key from the encryption key, of which the CA's key centre
 * keeps a copy; so a certificate that states no usage is refused, although RFC 5280 would let it do anything.
 */
const USAGE_FOR = {
  sign: ['digitalSignature'],
  encrypt: ['keyEncipherment', 'dataEncipherment', 'keyAgreement'],
} as const satisfies Record<Exclude<Purpose, 'any'>, readonly KeyUsage[]>;

const ANY_EXTENDED_USAGE = '2.5.29.37.0';
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';
const DOCUMENT_SIGNING = '1.3.6.1.5.5.7.3.36';

/** A certificate that states extended usages must state one of these; a server's or a code signer's is refused. */
const EXTENDED_USAGE_FOR = {
  sign: [ANY_EXTENDED_USAGE, CLIENT_AUTHENTICATION, EMAIL_PROTECTION, DOCUMENT_SIGNING],
  encrypt: [ANY_EXTENDED_USAGE, CLIENT_AUTHENTICATION, EMAIL_PROTECTION],
} as const satisfies Record<Exclude<Purpose, 'any'>, readonly string[]>;

/**
 * Finds a path from one of the anchors to the leaf that holds at this instant for this purpose, and of which nothing is revoked.
 *
 * Returns: the path; the most telling reason; or that it cannot be determined. Total, and bounded whatever the bytes are.
 * Source:  RFC 5280 §6.1 and §6.3, RFC 9618.
 */
export function verifyChain(question: ChainQuestion): ChainResult {
  const leaf = readOrNothing(question.leaf, parseCertificate);
  if (leaf === undefined) return refused('malformed');
  const leafReason = whyNotLeaf(leaf, question);
  const judge = createJudge(question);
  const seen: Seen = { reason: 'no_path' };
  const note = (next: ChainReason): void => {
    if (CHAIN_REASONS.indexOf(next) > CHAIN_REASONS.indexOf(seen.reason)) seen.reason = next;
  };
  findPath(judge.search, [leaf], {
    note,
    accept(path) {
      const held = checkPath(path, judge.terms);
      if (!held.ok) note(held.reason);
      if (leafReason !== undefined) note(leafReason);
      if (!held.ok || leafReason !== undefined) return false;
      const revocation = judge.revocationOfPath(path);
      const verdict = verdictOf(revocation, question.revocation ?? 'required');
      if (verdict === 'good') seen.good = { ok: true, path, policies: held.policies, revocation };
      else if (verdict === 'revoked' || verdict === 'issuer_revoked') note(verdict);
      else seen.open ??= { ok: false, undetermined: true, reason: verdict, path, revocation };
      return verdict === 'good' || verdict === 'revoked';
    },
  });
  // The leaf revoked is the end of it; whatever else failed, another path may yet prove good when its CRL comes.
  if (seen.reason === 'revoked') return refused(seen.reason);
  return seen.good ?? seen.open ?? refused(seen.reason);
}

/** What the paths tried so far came to. */
type Seen = {
  reason: ChainReason;
  good?: Extract<ChainResult, { ok: true }>;
  open?: Extract<ChainResult, { undetermined: true }>;
};

function refused(reason: ChainReason): ChainResult {
  return { ok: false, undetermined: false, reason };
}

type Judge = {
  readonly search: Search;
  readonly terms: Parameters<typeof checkPath>[1];
  /** Leaf first, the anchor left out. */
  revocationOfPath(path: readonly Certificate[]): CertificateStatus[];
};

/** What judges the paths of one question: the search with its bounds, and the CRLs, whose signers need paths themselves. */
function createJudge(question: ChainQuestion): Judge {
  const { at, revocation: mode = 'required', verifySignature, algorithms = STRICT_ALGORITHMS } = question;
  const readAll = <T>(given: readonly (Uint8Array | T)[], parse: (der: Uint8Array) => T): T[] =>
    given.flatMap((each) => readOrNothing(each, parse) ?? []);
  const names: NameBudget = { left: NAME_COMPARISON_LIMIT };
  const search = createSearch({
    anchors: readAll(question.anchors, parseCertificate),
    intermediates: readAll(question.intermediates, parseCertificate),
    algorithms,
    verifySignature,
  });
  const given = mode === 'ignored' ? [] : (question.crls ?? []);
  const crls = readAll(given, parseCrl);
  const asking = new Set<Certificate>();
  const context: RevocationSearch = {
    search,
    crls: newestFirst(crls),
    hasUnreadable: crls.length < given.length,
    at,
    crlStepsLeft: CRL_STEP_LIMIT,
    isTrustedSigner(signer, anchor) {
      if (asking.has(signer)) return false;
      asking.add(signer);
      const isGood = (path: readonly Certificate[]) =>
        path[path.length - 1] === anchor &&
        checkPath(path, { at, policies: {}, names }).ok &&
        verdictOf(revocationOfPath(path), mode) === 'good';
      const path = findPath(search, [signer], { accept: isGood, note: () => undefined });
      asking.delete(signer);
      return path !== undefined;
    },
  };
  const responses = mode === 'ignored' ? [] : readAll(question.ocsp?.responses ?? [], parseOcspResponse);
  const statusOf = (certificate: Certificate, above: readonly Certificate[]): CertificateStatus => {
    const listed = revocationOf(certificate, above, context);
    const [issuer] = above;
    const { ocsp } = question;
    if (listed.status === 'revoked' || issuer === undefined || ocsp === undefined) return listed;
    const isNotRevoked = (responder: Certificate) =>
      verdictOf([revocationOf(responder, above, context)], mode) === 'good';
    const terms = { certificate, issuer, at, search, isNotRevoked, ...ocsp };
    const answers = responses.map((response) => ({ ocsp: response, answer: askOcsp(response, terms) }));
    return withOcsp(listed, answers);
  };
  const revocationOfPath = (path: readonly Certificate[]): CertificateStatus[] =>
    mode === 'ignored'
      ? []
      : path.slice(0, -1).map((certificate, index) => statusOf(certificate, path.slice(index + 1)));
  return { search, terms: { at, policies: question, names }, revocationOfPath };
}

/** What lists that do not condemn and responses come to: one that condemns counts, and one that acquits where the lists do not know. */
function withOcsp(
  listed: RevocationStatus,
  answers: readonly { readonly ocsp: OcspResponse; readonly answer: ReturnType<typeof askOcsp> }[],
): CertificateStatus {
  let good: OcspResponse | undefined;
  let reason: OcspReason = 'ocsp_other';
  for (const { ocsp, answer } of answers) {
    if ('unknown' in answer) {
      if (OCSP_REASONS.indexOf(answer.unknown) > OCSP_REASONS.indexOf(reason)) reason = answer.unknown;
    } else if (answer.state === 'good') good ??= ocsp;
    else return { status: 'revoked', revocation: answer.state, crls: [], ocsp };
  }
  if (listed.status !== 'unknown') return listed;
  if (good !== undefined) return { status: 'good', crls: [], ocsp: good };
  return listed.reason === 'no_crl' && reason !== 'ocsp_other' ? { status: 'unknown', reason } : listed;
}

/** What the states of a path's certificates, leaf first, come to. */
function verdictOf(
  revocation: readonly CertificateStatus[],
  mode: RevocationMode,
): 'good' | 'revoked' | 'issuer_revoked' | UnknownReason | OcspReason {
  if (revocation.slice(1).some(({ status }) => status === 'revoked')) return 'issuer_revoked';
  if (revocation[0]?.status === 'revoked') return 'revoked';
  const unknown = revocation.flatMap((each) => (each.status === 'unknown' ? [each.reason] : []));
  const open = mode === 'when_known' ? unknown.filter((reason) => reason !== 'no_crl') : unknown;
  return [...OCSP_REASONS, ...UNKNOWN_REASONS].findLast((reason) => open.includes(reason)) ?? 'good';
}

function readOrNothing<T>(given: Uint8Array | T, parse: (der: Uint8Array) => T): T | undefined {
  if (!(given instanceof Uint8Array)) return given;
  try {
    return parse(given);
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

function whyNotLeaf(leaf: Certificate, { purpose, extendedUsages }: ChainQuestion): ChainReason | undefined {
  if (purpose === 'any') return undefined;
  if (leaf.basicConstraints?.ca === true) return 'leaf_is_ca';
  const usages: readonly KeyUsage[] = USAGE_FOR[purpose];
  if (!leaf.keyUsage?.some((usage) => usages.includes(usage))) return 'key_usage';
  const extended: readonly string[] = extendedUsages ?? EXTENDED_USAGE_FOR[purpose];
  if (leaf.extendedKeyUsage && !leaf.extendedKeyUsage.some((usage) => extended.includes(usage)))
    return 'extended_key_usage';
  return undefined;
}
