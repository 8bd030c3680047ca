/** Whom the ledger says the platform believed, held against the anchor, terms and instants of a judgement. */

import { canonicalise, type Json } from '../core/log/canonical.ts';
import { type Grounds, holdsOn } from '../core/pki/judge.ts';
import type { Judgement } from '../core/pki/judgement.ts';
import { type AnchorVersion, anchorsAt, believedUntil } from '../core/pki/trust-store.ts';
import type { VerifyTools } from './tools.ts';

/**
 * How far the instant of judging may lie from the receipt, ms, by another clock than the one that dates it; an answer may turn in between.
 *
 * Why: a certificate is judged by the server's clock when an act comes in, and the database dates the receipt a moment later.
 */
export const JUDGED_NEAR_RECEIPT_MS = 60_000;
/** What a judgement is judged again with. */
export function judgingTools({ sha256, digestByOid, verifyCertificateSignature }: VerifyTools) {
  return { sha256, digest: digestByOid, verifySignature: verifyCertificateSignature };
}

/** Whom the platform believed, as its ledger says, up to an instant. */
export type Believed = { readonly versions: readonly AnchorVersion[]; readonly knownUntil: number };

/** When an act was received, and the instants between which its certificate may have been judged for it, ms, both included. */
export type Receipt = { readonly receivedAt: number; readonly earliest: number; readonly latest: number };

/**
 * Does the ledger say that this anchor was believed on these terms, when it was judged, when the act came in, and for as long?
 *
 * Why: of what the ledger says about instants behind its last entry nothing is known. Around a change the clocks may differ, and a
 *      process may trust for seconds (TRUST_CACHE_MS) what another has just ended. The platform chooses the instant of a judgement,
 *      so of one that is asked of no earlier instant (asOf) the anchor must be believed at the receipt as well: otherwise an old one
 *      would serve for good under a CA that has ended since.
 */
export function wasBelieved(
  tools: ReturnType<typeof judgingTools>,
  grounds: Grounds,
  judgement: Judgement,
  { receivedAt, earliest, latest }: Receipt,
  { versions, knownUntil }: Believed,
): boolean {
  const { at, asOf, purpose, path } = grounds;
  const certSha256 = judgement.certificates.at(-1) ?? '';
  const isSame = (version: AnchorVersion): boolean =>
    version.certSha256 === certSha256 &&
    version.terms.purposes.includes(purpose) &&
    canonicalise(version.terms as unknown as Json) === canonicalise(judgement.terms as unknown as Json);
  const isSameWithin = (from: number, to: number): boolean =>
    versions.some((each) => each.fromAt <= to && (each.untilAt === null || each.untilAt > from) && isSame(each));
  if (asOf === null) {
    const isSameAtReceipt = receivedAt > knownUntil || isSameWithin(earliest, latest);
    return (
      isSameAtReceipt && (at > knownUntil || isSameWithin(at - JUDGED_NEAR_RECEIPT_MS, at + JUDGED_NEAR_RECEIPT_MS))
    );
  }
  if (at > knownUntil) return true;
  if (!anchorsAt(versions, asOf).some(isSame)) return false;
  const until = believedUntil(versions, { certSha256, at: asOf }, (version) =>
    holdsOn(version, { purpose, path }, tools),
  );
  const ended = until !== null && until <= at ? until : null;
  const wasMissed = grounds.believedUntil === null && ended !== null && ended > at - JUDGED_NEAR_RECEIPT_MS;
  return wasMissed || grounds.believedUntil === ended;
}
