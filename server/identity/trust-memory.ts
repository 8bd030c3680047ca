/** What was found of certificates, remembered for the stretch of time in which nothing else can be found; so that little is judged twice, and little kept. */

import { toBase64Url } from '../core/log/base64.ts';
import type { Certificate } from '../core/pki/certificate.ts';
import { OCSP_AGE_LIMIT_MS, type OcspResponse } from '../core/pki/ocsp.ts';
import type { AnchorVersion } from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import type { CertificateQuestion, CheckedCertificate } from './check-certificate.ts';
import type { StoredCrl } from './crls.ts';

/** Answers remembered. The one asked for longest ago goes first. */
const REMEMBERED_LIMIT = 4_096;

/**
 * By how much longer a judgement must hold than the one that is kept of the same certificate and outcome, ms, to be kept as well.
 *
 * Why: whoever has a certificate may send statements with fresh OCSP responses as often as he likes, refused ones, too. So he leaves
 *      no more than six judgements an hour, however short-lived his CA's responses are.
 */
export const PROLONGED_BY_MS = 600_000;

/**
 * How long a judgement is handed out, ms, from when it was kept as evidence.
 *
 * Why: an erasure elsewhere may leave it without anything that stands on it, and only its age then tells the sweep that no act comes any more
 *      that refers to it: one is swept only once it is older than this and the longest request
 *      together (two hours, `sweep_judgement` in migrations).
 */
export const HANDED_OUT_MS = 1_800_000;

/** A stretch of time, without its ends, ms. */
export type Stretch = { readonly after: number; readonly before: number };

/** What is judged by: the anchors, and the lists of the moment. */
export type AtHandNow = { readonly anchors: readonly AnchorVersion[]; readonly crls: readonly StoredCrl[] };

/** An answer, what it was found by, when its evidence was kept, and the stretch in which it stays the same. */
export type Remembered<Answer> = Stretch & {
  readonly grounds: AtHandNow;
  readonly keptAt: number;
  readonly answer: Answer;
};

export type Memory<Answer> = {
  /** What is remembered under this name, if it holds at this instant by these grounds, and is young enough `now` to be handed out. */
  find(name: string, grounds: AtHandNow, at: number, now: number): Remembered<Answer> | undefined;
  keep(name: string, remembered: Remembered<Answer>): void;
};

export function createMemory<Answer>(limit = REMEMBERED_LIMIT): Memory<Answer> {
  const known = new Map<string, Remembered<Answer>>();
  const keep = (name: string, remembered: Remembered<Answer>): void => {
    known.delete(name);
    known.set(name, remembered);
    const [longestAgo = name] = known.keys();
    if (known.size > limit) known.delete(longestAgo);
  };
  return {
    find(name, grounds, at, now) {
      const found = known.get(name);
      if (found === undefined || found.grounds !== grounds || at <= found.after || at >= found.before) return undefined;
      if (now - found.keptAt >= HANDED_OUT_MS) return undefined;
      keep(name, found);
      return found;
    },
    keep,
  };
}

/** Does a judgement of the later stretch hold so much longer that it is worth keeping beside the one at hand? */
export function prolongs(kept: Stretch, later: Stretch): boolean {
  return later.before - kept.before >= PROLONGED_BY_MS;
}

/** The instants that lie in both. */
export function within(some: Stretch, other: Stretch): Stretch {
  return { after: Math.max(some.after, other.after), before: Math.min(some.before, other.before) };
}

/** A question apart from its instant: what lets pass, and each certificate by its digest. */
export function nameOf({
  purpose,
  certificates,
  undetermined = 'refuse',
  lapsed = 'refuse',
  asOf = 0,
}: CertificateQuestion): string {
  return [purpose, undetermined, lapsed, asOf, ...certificates.map(digestOf)].join(' ');
}

/** What a judgement says: of two that say the same in one stretch of time, one is enough. */
export function sayingOf({ grounds, outcome }: CheckedCertificate): string {
  const { purpose, asOf, path } = grounds;
  return [purpose, outcome, asOf, ...path.map(({ der }) => digestOf(der))].join(' ');
}

const digestOf = (der: Uint8Array): string => toBase64Url(sha256(der));

/** Between which instants no certificate's, anchor's, list's or response's validity begins or ends: there the answer is the same as at `at`. */
export function stretchAround(
  at: number,
  certificates: readonly Certificate[],
  { anchors, crls }: AtHandNow,
  responses: readonly OcspResponse[],
): Stretch {
  const ofCertificate = ({ notBeforeAt, notAfterAt }: Certificate) => [notBeforeAt, notAfterAt + 1_000];
  const turns = [
    ...certificates.flatMap(ofCertificate),
    ...responses.flatMap(({ producedAt, certificates: responders, answers }) => [
      producedAt,
      ...responders.flatMap(ofCertificate),
      ...answers.flatMap(({ thisUpdateAt, nextUpdateAt }) =>
        nextUpdateAt === undefined
          ? [thisUpdateAt, thisUpdateAt + OCSP_AGE_LIMIT_MS + 1]
          : [thisUpdateAt, nextUpdateAt + 1_000],
      ),
    ]),
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
