/** Builds and signs the lodgement statement of a sealed bid. */
import { toBase64Url } from '../core/log/base64.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { formatInstant } from '../core/log/instant.ts';
import { type CertificateSigner, signByCertificate } from '../core/pki/person-jws.ts';
import { LODGEMENT_TYPE, type LodgementPayload } from '../core/seal/lodgement.ts';
import { RANDOM_ID_BYTES } from '../core/seal/statement.ts';

/** What a bidder promises of a sealed bid (core/seal/FORMAT.md §5). */
export type BidPromises = Pick<
  LodgementPayload,
  | 'envelopeSha256'
  | 'envelopeBytes'
  | 'recipientInfosSha256'
  | 'encCertSha256'
  | 'openingListCommit'
  | 'cekCommit'
  | 'contentCommit'
  | 'layer'
  | 'profile'
>;

/** The opening as the bidder has read it: its genesis and policy stand on the log. */
export type OpeningTerms = {
  platform: string;
  openingId: string;
  lotId: string;
  policyHash: string;
  /** ms since 1970. */
  deadlineAt: number;
};

/**
 * The statement that lodges a bid, or replaces the standing one named by `replaces`.
 *
 * Shape: `nowAt` ms since 1970 by the bidder's clock.
 */
export async function signLodgement(
  terms: OpeningTerms,
  bid: { creditCode: string; promises: BidPromises; replaces?: string },
  signer: CertificateSigner,
  outside: { nowAt: number; randomBytes: (length: number) => Uint8Array; sha256: Sha256 },
): Promise<{ statement: string; payload: LodgementPayload }> {
  const randomId = (): string => toBase64Url(outside.randomBytes(RANDOM_ID_BYTES));
  const payload: LodgementPayload = {
    v: 1,
    iss: bid.creditCode,
    aud: terms.platform,
    openingId: terms.openingId,
    lotId: terms.lotId,
    bidId: randomId(),
    policyHash: terms.policyHash,
    deadlineAt: formatInstant(terms.deadlineAt),
    ...bid.promises,
    ...(bid.replaces !== undefined && { replaces: bid.replaces }),
    iat: Math.floor(outside.nowAt / 1000),
    jti: randomId(),
  };
  return { statement: await signByCertificate(outside.sha256, signer, LODGEMENT_TYPE, payload), payload };
}
