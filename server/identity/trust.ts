/** Whom we trust, remembered: the anchors, lists and responses of the database, what was found by them, and the evidence that is kept of it. */

import { asc } from 'drizzle-orm';
import { toBase64Url } from '../core/log/base64.ts';
import { parseCertificate } from '../core/pki/certificate.ts';
import { CertificateError } from '../core/pki/der.ts';
import { encodeJudgement, judgementOf } from '../core/pki/judgement.ts';
import { type OcspResponse, parseOcspResponse } from '../core/pki/ocsp.ts';
import type { AnchorVersion } from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import { trustChanges } from '../store/schema/identity.ts';
import type { World } from '../world.ts';
import { type CertificateQuestion, type CheckedCertificate, checkCertificate } from './check-certificate.ts';
import { readCrls } from './crls.ts';
import type { Db } from './database.ts';
import { digestOfFile, type EvidenceFile, keepEvidence, readResponses } from './evidence.ts';
import type { Outcome } from './refusals.ts';
import { foldChanges } from './trust-changes.ts';
import { type AtHandNow, createMemory, nameOf, prolongs, sayingOf, stretchAround, within } from './trust-memory.ts';

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

type Trusted = Extract<Outcome<TrustedCertificate>, { readonly ok: true }>;

/** Trust over the anchors of this database, which are kept for TRUST_CACHE_MS. */
export function createTrust({ db, world }: { db: Db; world: Pick<World, 'now' | 'randomBytes'> }): Trust {
  let kept: { readonly readAt: number; readonly grounds: Promise<AtHandNow> } | undefined;
  let last: AtHandNow = { anchors: [], crls: [] };

  function groundsNow(): Promise<AtHandNow> {
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

  /** Word for word: the certificates of a login come again with each statement. */
  const found = createMemory<Trusted>();
  /** Whatever else came with them: what is kept as evidence. */
  const judged = createMemory<Trusted>();

  return {
    async check(question) {
      const { at, isOnRecord = true, ocsp } = question;
      const grounds = await groundsNow();
      // Before the evidence is kept, so that it is never handed out for longer than the sweep believes.
      const now = world.now();
      const name = nameOf(question);
      // A stranger's question is answered by lists alone: what a login brought or was told would show him that there was one.
      const before = isOnRecord && ocsp === undefined ? found.find(name, grounds, at, now) : undefined;
      if (before !== undefined) return before.answer;
      const [leaf] = question.certificates;
      const given = readAll(ocsp ?? []);
      const known = leaf === undefined || !isOnRecord ? [] : readAll(await readResponses(db, digestOfFile(leaf)));
      const responses = [...given, ...known];
      const { anchors } = grounds;
      const crls = grounds.crls.map(({ crl }) => crl);
      const checked = checkCertificate(question, { anchors, crls, responses });
      if ('refused' in checked) return checked;
      const { grounds: named, ...rest } = checked;
      const evidence = evidenceOf(checked, world.randomBytes(SALT_BYTES));
      if (!isOnRecord) return { ...rest, judgement: evidence.judgement };
      const stretch = stretchAround(at, question.certificates.map(parseCertificate), grounds, responses);
      const saying = sayingOf(checked);
      // By its own files: what else somebody sends along must neither end a judgement nor seem to prolong it.
      const own = stretchAround(at, [...named.path, ...named.others], grounds, named.responses);
      const kept = judged.find(saying, grounds, at, now);
      if (kept !== undefined && !prolongs(kept, own)) {
        found.keep(name, { ...kept, ...within(kept, stretch) });
        return kept.answer;
      }
      await keepEvidence(db, evidence.files, now);
      const answer = { ...rest, judgement: evidence.judgement };
      const remembered = { grounds, keptAt: now, answer };
      judged.keep(saying, { ...own, ...remembered });
      found.keep(name, { ...stretch, ...remembered });
      return answer;
    },
    forget() {
      kept = undefined;
    },
  };
}

/** The anchors there are and were, on the terms of each stretch of time. */
export async function readAnchors(db: Db): Promise<readonly AnchorVersion[]> {
  return foldChanges(await db.select().from(trustChanges).orderBy(asc(trustChanges.seq)));
}

function isSameTrust(some: AtHandNow, others: AtHandNow): boolean {
  const said = ({ anchors, crls }: AtHandNow): string =>
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
  const about = outcome === 'good' ? certSha256 : null;
  const answers = responses.map((response) => ({
    kind: 'ocsp' as const,
    content: response.der,
    ...(about !== null && { about: { certSha256: about, thisUpdateAt: datedAt(response) } }),
  }));
  return { judgement: digest, files: [{ kind: 'judgement', content: bytes }, ...certificates, ...answers] };
}

/** How fresh a response is: its oldest date. */
function datedAt({ answers, producedAt }: OcspResponse): number {
  return Math.min(producedAt, ...answers.map(({ thisUpdateAt }) => thisUpdateAt));
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
