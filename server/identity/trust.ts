/** Whom we trust, remembered: the anchors, lists and responses of the database, what was found by them, and the evidence that is kept of it. */

import { asc } from 'drizzle-orm';
import { toBase64Url } from '../core/log/base64.ts';
import { type Certificate, parseCertificate } from '../core/pki/certificate.ts';
import { CertificateError } from '../core/pki/der.ts';
import { encodeJudgement, judgementOf } from '../core/pki/judgement.ts';
import { OCSP_AGE_LIMIT_MS, type OcspResponse, parseOcspResponse } from '../core/pki/ocsp.ts';
import type { AnchorVersion } from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import { trustChanges } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { type CertificateQuestion, type CheckedCertificate, checkCertificate } from './check-certificate.ts';
import { readCrls, type StoredCrl } from './crls.ts';
import type { Db } from './database.ts';
import { digestOfFile, type EvidenceFile, keepEvidence, readResponses } from './evidence.ts';
import type { Outcome } from './refusals.ts';
import { foldChanges } from './trust-changes.ts';

/** How long an anchor taken back in another process may still be trusted in this one. */
export const TRUST_CACHE_MS = 10_000;

export type TrustedCertificate = Omit<CheckedCertificate, 'grounds'> & {
  /** Digest of the judgement, kept with all it stands on (evidence.ts). */
  readonly judgement: string;
};

export type TrustQuestion = CertificateQuestion & {
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
      const { anchors } = grounds;
      const crls = grounds.crls.map(({ crl }) => crl);
      const checked = checkCertificate(question, { anchors, crls, responses: [...given, ...kept] });
      if ('refused' in checked) return checked;
      const { judgement, files } = evidenceOf(checked, world.randomBytes(SALT_BYTES));
      const { grounds: _named, ...rest } = checked;
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
  asOf = 0,
  isOnRecord = true,
}: TrustQuestion): string {
  return [purpose, undetermined, lapsed, asOf, isOnRecord, ...certificates.map((der) => toBase64Url(sha256(der)))].join(
    ' ',
  );
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

/** Of 128 bits. */
const SALT_BYTES = 16;

/** The judgement of what was found, and the files it stands on but the lists, which are kept elsewhere. */
function evidenceOf(
  { grounds, outcome, lapsedAt, certSha256 }: CheckedCertificate,
  randomSalt: Uint8Array,
): { readonly judgement: string; readonly files: readonly EvidenceFile[] } {
  const salt = toBase64Url(randomSalt);
  const judgement = judgementOf(grounds, { salt, outcome, lapsedAt, digestOf: digestOfFile });
  const { bytes, sha256: digest } = encodeJudgement(sha256, judgement);
  const { path, others, responses } = grounds;
  const certificates = [...path, ...others].map(({ der }) => ({ kind: 'certificate' as const, content: der }));
  // Asked again at its next act only when it acquitted: what says nothing must not push out what does.
  const about = outcome === 'good' ? { about: certSha256 } : {};
  const answers = responses.map(({ der }) => ({ kind: 'ocsp' as const, content: der, ...about }));
  return { judgement: digest, files: [{ kind: 'judgement', content: bytes }, ...certificates, ...answers] };
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
