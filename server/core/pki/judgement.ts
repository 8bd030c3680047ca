/** What a certificate was judged by, kept so that anybody can judge it again years later: path, terms, lists and responses by digest, and what came of it. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { toBase64Url } from '../log/base64.ts';
import { canonicalise, type Json } from '../log/canonical.ts';
import type { Sha256 } from '../log/hash.ts';
import { formatInstant, readInstant } from '../log/instant.ts';
import { utf8 } from '../log/utf8.ts';
import { CERTIFICATES_LIMIT, parseCertificate } from './certificate.ts';
import { parseCrl } from './crl.ts';
import { CertificateError } from './der.ts';
import { type Grounds, JUDGED, type JudgeTools, judge } from './judge.ts';
import { parseOcspResponse } from './ocsp.ts';
import { InstantText, TrustTerms } from './trust-store.ts';

const strict = { additionalProperties: false } as const;
/** base64url SHA-256 of a file: a certificate, a revocation list, an OCSP response. */
const DigestText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const InstantOrNull = Type.Union([InstantText, Type.Null()]);
/** Lists that one judgement may name, and responses. */
export const FILES_LIMIT = 64;

export const JudgementSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** Random, so that nobody who has a certificate can compute where its judgement lies, and thereby learn who took part. */
    salt: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
    purpose: Type.Union([Type.Literal('sign'), Type.Literal('encrypt')]),
    /** When it was judged. */
    at: InstantText,
    /** The earlier instant at which the path was asked for, because it holds no longer. */
    asOf: InstantOrNull,
    /** With `asOf`: from when on the anchor was not believed on terms that let the path pass. */
    believedUntil: InstantOrNull,
    outcome: Type.Enum(JUDGED),
    /** When it was revoked, ran out or lost its CA, whichever came first. */
    lapsedAt: InstantOrNull,
    /** From the person's certificate to the anchor. */
    certificates: Type.Array(DigestText, { minItems: 1, maxItems: CERTIFICATES_LIMIT + 1 }),
    /** Certificates that are not on the path, of those who sign lists; judgements from before there were any leave it out. */
    others: Type.Optional(Type.Array(DigestText, { maxItems: CERTIFICATES_LIMIT })),
    /** Of the anchor, at `asOf`, else at `at`; the ledger says them too. */
    terms: TrustTerms,
    crls: Type.Array(DigestText, { maxItems: FILES_LIMIT }),
    ocsp: Type.Array(DigestText, { maxItems: FILES_LIMIT }),
  },
  strict,
);
export type Judgement = Type.Static<typeof JudgementSchema>;

/** What stands in a judgement beside what it was judged by. */
type Found = {
  readonly salt: string;
  readonly outcome: Judgement['outcome'];
  readonly lapsedAt: number | null;
  readonly digestOf: (file: Uint8Array) => string;
};

/** The judgement of these grounds. Asserts: they name no more files than a judgement may. */
export function judgementOf(grounds: Grounds, { salt, outcome, lapsedAt, digestOf }: Found): Judgement {
  const digests = (files: readonly { readonly der: Uint8Array }[]): string[] => files.map(({ der }) => digestOf(der));
  const instant = (at: number | null): string | null => (at === null ? null : formatInstant(at));
  const judgement: Judgement = {
    v: 1,
    salt,
    purpose: grounds.purpose,
    at: formatInstant(grounds.at),
    asOf: instant(grounds.asOf),
    believedUntil: instant(grounds.believedUntil),
    outcome,
    lapsedAt: instant(lapsedAt),
    certificates: digests(grounds.path),
    others: digests(grounds.others),
    terms: grounds.terms,
    crls: digests(grounds.crls),
    ocsp: digests(grounds.responses),
  };
  if (!Check(JudgementSchema, judgement)) throw new Error('a judgement that nobody could read');
  return judgement;
}

/** The bytes of a judgement, and under which digest they are kept. */
export function encodeJudgement(sha256: Sha256, judgement: Judgement): { bytes: Uint8Array; sha256: string } {
  const bytes = utf8(canonicalise(judgement as unknown as Json));
  return { bytes, sha256: toBase64Url(sha256(bytes)) };
}

/** Every file that a judgement stands on. */
export function filesOf({ certificates, others = [], crls, ocsp }: Judgement): string[] {
  return [...certificates, ...others, ...crls, ...ocsp];
}

export type RedoneReason = 'judgement_malformed' | 'file_missing' | 'file_differs' | 'outcome_differs';

/** A judgement judged again: what it stands on, to be asked for another instant, or what is wrong. */
export type Redone =
  | { readonly ok: true; readonly grounds: Grounds; readonly lapsedAt: number | null }
  | { readonly ok: false; readonly reason: RedoneReason };

/**
 * Judges again, for the instant that the judgement names.
 *
 * Shape:   `judgement` as it was read; `read` gives the bytes of a file.
 * Returns: what is wrong, or that the same comes out: the outcome, and when it lapsed. It does not say whether the anchor deserved
 *          belief, nor until when it had it: the ledger does.
 */
export function redoJudgement(
  judgement: unknown,
  read: (sha256: string) => Uint8Array | undefined,
  { sha256, ...tools }: JudgeTools & { readonly sha256: Sha256 },
): Redone {
  const wrong = (reason: RedoneReason): Redone => ({ ok: false, reason });
  if (!Check(JudgementSchema, judgement)) return wrong('judgement_malformed');
  const files = new Map<string, Uint8Array>();
  for (const name of filesOf(judgement)) {
    const bytes = read(name);
    if (bytes === undefined) return wrong('file_missing');
    if (toBase64Url(sha256(bytes)) !== name) return wrong('file_differs');
    files.set(name, bytes);
  }
  const grounds = groundsOf(judgement, files);
  const lapsedAt = judgement.lapsedAt === null ? null : readInstant(judgement.lapsedAt);
  if (grounds === undefined || lapsedAt === undefined) return wrong('judgement_malformed');
  const standing = judge(grounds, tools);
  const isSame = standing?.outcome === judgement.outcome && standing.lapsedAt === lapsedAt;
  return isSame ? { ok: true, grounds, lapsedAt } : wrong('outcome_differs');
}

/** What a judgement stands on, read; undefined when something of it cannot be. */
function groundsOf(judgement: Judgement, files: ReadonlyMap<string, Uint8Array>): Grounds | undefined {
  const read = <T>(names: readonly string[], parse: (der: Uint8Array) => T): T[] =>
    names.map((name) => parse(files.get(name) ?? new Uint8Array()));
  const instant = (text: string | null) => (text === null ? null : readInstant(text));
  const { purpose, terms } = judgement;
  const [at, asOf, until] = [instant(judgement.at), instant(judgement.asOf), instant(judgement.believedUntil)];
  if (at === undefined || at === null || asOf === undefined || until === undefined) return undefined;
  try {
    return {
      purpose,
      terms,
      at,
      asOf,
      believedUntil: until,
      path: read(judgement.certificates, parseCertificate),
      others: read(judgement.others ?? [], parseCertificate),
      crls: read(judgement.crls, parseCrl),
      responses: read(judgement.ocsp, parseOcspResponse),
    };
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

/** The last instant at which a certificate behind a bid must have been good: one that ends with the deadline has not lapsed before it. */
export function lastBefore(deadlineAt: number): number {
  return deadlineAt - 1;
}
