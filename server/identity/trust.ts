/** Whom we trust: the anchors of the database with their purposes and dates, and what they make of a certificate at an instant. */

import { asc } from 'drizzle-orm';
import { toBase64Url } from '../core/log/base64.ts';
import { type Certificate, parseCertificate } from '../core/pki/certificate.ts';
import {
  type Purpose as AnyPurpose,
  CHAIN_REASONS,
  type ChainQuestion,
  type ChainReason,
  type ChainResult,
  verifyChain,
} from '../core/pki/chain.ts';
import type { Crl } from '../core/pki/crl.ts';
import { CertificateError } from '../core/pki/der.ts';
import { conditionsOf, encodeJudgement, type Judged, outcomeOf } from '../core/pki/judgement.ts';
import { OCSP_AGE_LIMIT_MS, type OcspResponse, parseOcspResponse } from '../core/pki/ocsp.ts';
import { readSubject, type Subject, type SubjectRefusal } from '../core/pki/subject.ts';
import { type AnchorVersion, anchorsAt, type TrustTerms } from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import { trustChanges } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { readCrls, type StoredCrl } from './crls.ts';
import type { Db } from './database.ts';
import { digestOfFile, type EvidenceFile, keepEvidence, ocspDigest, readResponses } from './evidence.ts';
import { type IdentityRefusal, type Outcome, refuse } from './refusals.ts';
import { verifyCertificateSignature } from './signature.ts';
import { foldChanges } from './trust-changes.ts';

/** What a CA is trusted for here. */
type Purpose = Exclude<AnyPurpose, 'any'>;

/** How long an anchor taken back in another process may still be trusted in this one. */
export const TRUST_CACHE_MS = 10_000;

export type TrustedCertificate = {
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
  /** How each certificate of the path but the anchor stands, in its order; empty of one that has lapsed. */
  readonly revocation: readonly { readonly status: 'good' | 'unknown' | 'revoked' }[];
  /** Digest of the judgement, kept with all it stands on (evidence.ts). */
  readonly judgement: string;
};

export type TrustQuestion = {
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
  /** `false` keeps no evidence: nothing will refer to it. */
  readonly isOnRecord?: boolean;
  /** OCSP responses that came with the question, DER; those that speak of it are kept, and asked from then on. */
  readonly ocsp?: readonly Uint8Array[];
};

export type Trust = {
  /** Whether the certificate is trusted, and whom it speaks for. Refuses: the certificate_… codes and credit_code_invalid. */
  check(question: TrustQuestion): Promise<Outcome<TrustedCertificate>>;
  /** Reads the anchors anew at the next question; for the process that has just changed them. */
  forget(): void;
};

/** What is judged by: the anchors, and the lists of the moment. */
type Grounds = { readonly anchors: readonly AnchorVersion[]; readonly crls: readonly StoredCrl[] };

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

/** Trust over the anchors of this database, which are kept for TRUST_CACHE_MS. */
export function createTrust({ db, world }: { db: Db; world: Pick<World, 'now' | 'randomBytes'> }): Trust {
  let kept: { readonly readAt: number; readonly grounds: Promise<Grounds> } | undefined;
  let last: Grounds = { anchors: [], crls: [] };

  function groundsNow(): Promise<Grounds> {
    if (kept === undefined || world.now() - kept.readAt >= TRUST_CACHE_MS) {
      // The same grounds as long as they say the same: what was found under them stays found.
      const grounds = Promise.all([readAnchors(db), readCrls({ db }, last.crls)]).then(([anchors, crls]) => {
        const read = { anchors, crls };
        if (!isSameTrust(read, last)) last = read;
        return last;
      });
      kept = { readAt: world.now(), grounds };
      // A failed reading is not kept: the next question asks again.
      grounds.catch(() => {
        if (kept?.grounds === grounds) kept = undefined;
      });
    }
    return kept.grounds;
  }

  /** Word for word: the certificates of a login come again with each statement. The list asked for longest ago goes first. */
  const found = new Map<string, Found>();

  return {
    async check(question) {
      const grounds = await groundsNow();
      const name = nameOf(question);
      const before = found.get(name);
      // A stranger's question is answered by lists alone: what a login brought or was told would show him that there was one.
      const isStrangers = question.isOnRecord === false;
      const isKnown = before !== undefined && before.grounds === grounds && !isStrangers;
      if (isKnown && question.ocsp === undefined && before.after < question.at && question.at < before.before) {
        found.delete(name);
        found.set(name, before);
        return before.trusted;
      }
      const [leaf] = question.certificates;
      const given = readAll(question.ocsp ?? []);
      const kept = leaf === undefined || isStrangers ? [] : readAll(await readResponses(db, digestOfFile(leaf)));
      const judged = checkCertificate(question, { ...grounds, ocsp: [...given, ...kept] });
      if ('refused' in judged) return judged;
      const { judgement, files, ...rest } = withEvidence(judged, question, world.randomBytes(SALT_BYTES));
      if (isStrangers) return { ...rest, judgement };
      await keepEvidence(db, files, world.now());
      const trusted = { ...rest, judgement };
      found.delete(name);
      found.set(name, {
        grounds,
        trusted,
        ...stretchAround(question.at, question.certificates.map(parseCertificate), grounds, [...given, ...kept]),
      });
      const [longestAgo = name] = found.keys();
      if (found.size > FOUND_LIMIT) found.delete(longestAgo);
      return trusted;
    },
    forget() {
      kept = undefined;
    },
  };
}

/** That certificates were found good, and the stretch of time, without its ends, in which nothing can be found otherwise. */
type Found = {
  readonly grounds: Grounds;
  readonly trusted: Outcome<TrustedCertificate>;
  readonly after: number;
  readonly before: number;
};

/** Lists of certificates whose trust is remembered. */
const FOUND_LIMIT = 4_096;

/** A question apart from its instant: purpose, and each certificate by its digest. */
function nameOf({
  purpose,
  certificates,
  undetermined = 'refuse',
  lapsed = 'refuse',
  isOnRecord = true,
}: TrustQuestion): string {
  return [purpose, undetermined, lapsed, isOnRecord, ...certificates.map((der) => toBase64Url(sha256(der)))].join(' ');
}

/** Between which instants no certificate's, anchor's or list's validity begins or ends: there the answer is the same as at `at`. */
function stretchAround(
  at: number,
  certificates: readonly Certificate[],
  { anchors, crls }: Grounds,
  responses: readonly OcspResponse[],
): { readonly after: number; readonly before: number } {
  const ofCertificate = ({ notBeforeAt, notAfterAt }: Certificate) => [notBeforeAt, notAfterAt + 1_000];
  const turns = [
    ...certificates.flatMap(ofCertificate),
    ...responses.flatMap(({ answers }) =>
      answers.flatMap(({ thisUpdateAt, nextUpdateAt = thisUpdateAt + OCSP_AGE_LIMIT_MS }) => [
        thisUpdateAt,
        nextUpdateAt,
        nextUpdateAt + 1_000,
      ]),
    ),
    ...crls.flatMap(({ crl }) => [
      crl.thisUpdateAt,
      ...(crl.nextUpdateAt === undefined ? [] : [crl.nextUpdateAt + 1_000]),
    ]),
    ...anchors.flatMap(({ certificate, fromAt, untilAt }) => [
      ...ofCertificate(certificate),
      fromAt,
      ...(untilAt === null ? [] : [untilAt]),
    ]),
  ];
  return {
    after: Math.max(Number.NEGATIVE_INFINITY, ...turns.filter((turn) => turn <= at)),
    before: Math.min(Number.POSITIVE_INFINITY, ...turns.filter((turn) => turn > at)),
  };
}

/** The anchors there are and were, on the terms of each stretch of time. */
export async function readAnchors(db: Db): Promise<readonly AnchorVersion[]> {
  return foldChanges(await db.select().from(trustChanges).orderBy(asc(trustChanges.seq)));
}

function isSameTrust(some: Grounds, others: Grounds): boolean {
  const said = ({ anchors, crls }: Grounds): string =>
    JSON.stringify([
      anchors.map(({ certificate: _certificate, ...rest }) => rest),
      crls.map(({ sha256: digest }) => digest),
    ]);
  return said(some) === said(others);
}

type JudgedCertificate = Omit<TrustedCertificate, 'judgement'> & {
  readonly ok: true;
  readonly anchor: AnchorVersion;
  readonly crls: readonly StoredCrl[];
  readonly ocsp: readonly OcspResponse[];
};

function checkCertificate(
  { certificates, purpose, at, undetermined = 'refuse', lapsed = 'refuse' }: TrustQuestion,
  { anchors, crls, ocsp }: Grounds & { readonly ocsp: readonly OcspResponse[] },
): Outcome<JudgedCertificate> {
  const parsed = parseAll(certificates);
  if ('refused' in parsed) return parsed;
  const effective = anchorsAt(anchors, at).filter(({ terms }) => terms.purposes.includes(purpose));
  const ask = (changes: Partial<ChainQuestion> = {}): ChainResult =>
    groupsOf(effective)
      .map(({ conditions, group }) =>
        verifyChain({
          ...parsed,
          ...conditionsOf(conditions),
          anchors: group.map(({ certificate }) => certificate),
          crls: crls.map(({ crl }) => crl),
          ocsp: { responses: ocsp, digest: ocspDigest },
          at,
          purpose,
          verifySignature: verifyCertificateSignature,
          ...changes,
        }),
      )
      .reduce<ChainResult>(moreTelling, { ok: false, undetermined: false, reason: 'no_path' });
  const result = ask();
  const outcome = outcomeOf(result);
  if (outcome === 'undetermined' && undetermined === 'refuse')
    return refuse('certificate_undetermined', 'reason' in result ? result.reason : undefined);
  const isLapsed = outcome === 'revoked' || outcome === 'expired';
  // But for that its path must hold: otherwise nobody vouches for whose it is.
  const held = isLapsed ? ask({ revocation: 'ignored', at: Math.min(at, parsed.leaf.notAfterAt) }) : result;
  if (outcome === undefined || !('path' in held) || (isLapsed && lapsed === 'refuse'))
    return 'reason' in result && !('path' in result)
      ? refuse(CHAIN_REFUSALS[result.reason], result.reason)
      : refuse('certificate_not_trusted');
  /** What a list, or a response, comes to with nothing beside it but the lists it builds on. */
  const askAlone: AskAlone = (lists, responses) =>
    outcomeOf(
      ask({
        crls: lists.map(({ crl }) => crl),
        ocsp: { responses, digest: ocspDigest },
        revocation: 'when_known',
        at: Math.min(at, parsed.leaf.notAfterAt),
      }),
    );
  const anchor = effective.find(({ certificate }) => certificate === held.path.at(-1));
  if (anchor === undefined) throw new Error('a path ended at no anchor');
  const read = readSubject(parsed.leaf, anchor.terms.rule);
  if ('refused' in read) return refuse(SUBJECT_REFUSALS[read.refused], read.refused);
  const own = crls.filter(({ crl }) => held.path.slice(0, -1).some((certificate) => speaksOf(crl, certificate)));
  return {
    ok: true,
    certificate: parsed.leaf,
    certSha256: thumbprintOf(parsed.leaf),
    subject: read.subject,
    anchorSha256: anchor.certSha256,
    path: held.path,
    revocation: isLapsed ? [] : held.revocation.map(({ status }) => ({ status })),
    outcome,
    lapsedAt: isLapsed ? lapseOf(held.path, condemning(own, ocsp, askAlone), at) : null,
    anchor,
    crls: own,
    ocsp: result.ok
      ? ocsp.filter((each) => result.revocation.some((said) => 'ocsp' in said && said.ocsp === each))
      : ocsp,
  };
}

function speaksOf(crl: Crl, { issuer }: Certificate): boolean {
  return crl.issuer.key === issuer.key || crl.entries.has(issuer.key);
}

type AskAlone = (lists: readonly StoredCrl[], responses: readonly OcspResponse[]) => ReturnType<typeof outcomeOf>;
type Condemning = { readonly lists: readonly StoredCrl[]; readonly responses: readonly OcspResponse[] };

/**
 * Those of the lists and responses by which something of the path is revoked.
 *
 * Why: anybody may carry a response in, and an operator a list: a date counts only where somebody signed it who may.
 */
function condemning(lists: readonly StoredCrl[], responses: readonly OcspResponse[], ask: AskAlone): Condemning {
  const isRevoked = (outcome: ReturnType<AskAlone>): boolean => outcome === 'revoked';
  return {
    lists: lists.filter((list) => isRevoked(ask(list.crl.deltaBase === undefined ? [list] : lists, []))),
    responses: responses.filter((response) => isRevoked(ask([], [response]))),
  };
}

/** The first instant at which something of the path was revoked, as what condemns it says, or the leaf ran out. */
function lapseOf(path: readonly Certificate[], { lists, responses }: Condemning, at: number): number {
  const [leaf] = path;
  const revoked = path
    .slice(0, -1)
    .flatMap(({ issuer, serial }) =>
      lists.flatMap(({ crl }) => crl.entries.get(issuer.key)?.get(serial)?.revokedAt ?? []),
    );
  const answered = responses.flatMap(({ answers }) =>
    answers.flatMap(({ state, serial }) =>
      typeof state === 'object' && serial === leaf?.serial ? [state.revokedAt] : [],
    ),
  );
  const ends = leaf === undefined ? at : leaf.notAfterAt + 1_000;
  return Math.min(at, ends, ...revoked, ...answered);
}

/** Of 128 bits. */
const SALT_BYTES = 16;

/** The judgement of what was found, and the files it stands on but the lists, which are kept elsewhere. */
function withEvidence(
  { anchor, crls, ocsp, ...judged }: JudgedCertificate,
  { purpose }: TrustQuestion,
  salt: Uint8Array,
): Omit<JudgedCertificate, 'anchor' | 'crls' | 'ocsp'> & {
  readonly judgement: string;
  readonly files: readonly EvidenceFile[];
} {
  const { bytes, sha256: digest } = encodeJudgement(sha256, {
    v: 1,
    salt: toBase64Url(salt),
    purpose,
    outcome: judged.outcome,
    certificates: judged.path.map(thumbprintOf),
    terms: anchor.terms,
    crls: crls.map((each) => each.sha256),
    ocsp: ocsp.map(({ der }) => digestOfFile(der)),
  });
  const chain = judged.path.map(({ der }) => ({ kind: 'certificate' as const, content: der }));
  // Asked again at its next act only when it acquitted: what says nothing must not push out what does.
  const about = judged.outcome === 'good' ? { about: judged.certSha256 } : {};
  const responses = ocsp.map(({ der }) => ({ kind: 'ocsp' as const, content: der, ...about }));
  return { ...judged, judgement: digest, files: [{ kind: 'judgement', content: bytes }, ...chain, ...responses] };
}

/** What can be read of these OCSP responses; one that cannot says nothing. */
function readAll(ders: readonly Uint8Array[]): OcspResponse[] {
  return ders.flatMap((der) => {
    try {
      return [parseOcspResponse(der)];
    } catch (error) {
      if (error instanceof CertificateError) return [];
      throw error;
    }
  });
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
