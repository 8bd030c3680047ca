/** What a certificate was judged by, kept so that anybody can judge it again years later: path, terms, lists and responses by digest, and the outcome. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json } from '../log/canonical.ts';
import type { Sha256 } from '../log/hash.ts';
import { utf8 } from '../log/utf8.ts';
import { parseCertificate } from './certificate.ts';
import { type ChainResult, verifyChain } from './chain.ts';
import type { Digest } from './ocsp.ts';
import type { VerifyCertificateSignature } from './search.ts';
import { TrustTerms } from './trust-store.ts';

const strict = { additionalProperties: false } as const;
/** base64url SHA-256 of a file: a certificate, a revocation list, an OCSP response. */
const DigestText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
/** Lists and responses that one judgement may name. */
const FILES_LIMIT = 64;

/** `revoked` and `expired` of a certificate whose path holds but for that. */
export const JUDGED = ['good', 'undetermined', 'revoked', 'expired'] as const;
export type Judged = (typeof JUDGED)[number];

export const JudgementSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** Random, so that nobody who has a certificate can compute where its judgement lies, and thereby learn who took part. */
    salt: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
    purpose: Type.Union([Type.Literal('sign'), Type.Literal('encrypt')]),
    outcome: Type.Enum(JUDGED),
    /** From the person's certificate to the anchor. */
    certificates: Type.Array(DigestText, { minItems: 1, maxItems: FILES_LIMIT }),
    /** Of the anchor, at that instant; the ledger says them too. */
    terms: TrustTerms,
    crls: Type.Array(DigestText, { maxItems: FILES_LIMIT }),
    ocsp: Type.Array(DigestText, { maxItems: FILES_LIMIT }),
  },
  strict,
);
export type Judgement = Type.Static<typeof JudgementSchema>;

/** The bytes of a judgement, and under which digest they are kept. */
export function encodeJudgement(sha256: Sha256, judgement: Judgement): { bytes: Uint8Array; sha256: string } {
  const bytes = utf8(canonicalise(judgement as unknown as Json));
  return { bytes, sha256: toBase64Url(sha256(bytes)) };
}

/** Every file that a judgement stands on. */
export function filesOf({ certificates, crls, ocsp }: Judgement): string[] {
  return [...certificates, ...crls, ...ocsp];
}

export type RedoneReason = 'judgement_malformed' | 'file_missing' | 'file_differs' | 'outcome_differs';

/**
 * Judges again.
 *
 * Shape:   `judgement` as it was read; `read` gives the bytes of a file, `at` the instant of the act, ms.
 * Returns: what is wrong, undefined when the same comes out. It does not say whether the anchor deserved belief: the ledger does.
 */
export function redoJudgement(
  judgement: unknown,
  read: (sha256: string) => Uint8Array | undefined,
  at: number,
  {
    sha256,
    digest,
    verifySignature,
  }: {
    readonly sha256: Sha256;
    readonly digest: Digest;
    readonly verifySignature: VerifyCertificateSignature;
  },
): RedoneReason | undefined {
  if (!Check(JudgementSchema, judgement)) return 'judgement_malformed';
  const files = new Map<string, Uint8Array>();
  for (const name of filesOf(judgement)) {
    const bytes = read(name);
    if (bytes === undefined) return 'file_missing';
    if (toBase64Url(sha256(bytes)) !== name) return 'file_differs';
    files.set(name, bytes);
  }
  const bytesOf = (names: readonly string[]) => names.flatMap((name) => files.get(name) ?? []);
  const path = bytesOf(judgement.certificates);
  const [leaf] = path;
  const anchor = path.at(-1);
  if (leaf === undefined || anchor === undefined) return 'judgement_malformed';
  const { purpose, terms, outcome } = judgement;
  const ask = (changes: Partial<Parameters<typeof verifyChain>[0]> = {}): ChainResult =>
    verifyChain({
      leaf,
      intermediates: path.slice(1, -1),
      anchors: [anchor],
      crls: bytesOf(judgement.crls),
      ocsp: { responses: bytesOf(judgement.ocsp), digest },
      ...conditionsOf(terms),
      at,
      purpose,
      verifySignature,
      ...changes,
    });
  const result = ask();
  if (outcome === 'good' || outcome === 'undetermined')
    return outcomeOf(result) === outcome ? undefined : 'outcome_differs';
  const held = ask({ revocation: 'ignored', at: Math.min(at, parseCertificate(leaf).notAfterAt) });
  return held.ok && outcomeOf(result) === outcome ? undefined : 'outcome_differs';
}

/** What a result comes to; undefined when the path itself does not hold. */
export function outcomeOf(result: ChainResult): Judged | undefined {
  if (result.ok) return 'good';
  if (result.undetermined) return 'undetermined';
  if (result.reason === 'revoked' || result.reason === 'issuer_revoked') return 'revoked';
  return result.reason === 'expired' ? 'expired' : undefined;
}

/** An anchor's terms as verifyChain takes them. */
export function conditionsOf({
  revocation,
  extendedUsages,
  policies,
}: Pick<TrustTerms, 'revocation' | 'extendedUsages' | 'policies'>) {
  return {
    revocation,
    ...(extendedUsages && { extendedUsages }),
    ...(policies && { initialPolicySet: policies, requireExplicitPolicy: true }),
  };
}
