/** A bid that the platform says stands, taken over by a browser that did not lodge it: believed as far as its bidder's own signature goes. */
import type { OwnBidAnswer } from '../../server/client/api.ts';
import { dealtWindowKidIn } from '../../server/client/dealt-key.ts';
import type { AgentCertificate } from '../../server/client/key-agent.ts';
import { checkAct, type VerifyJwsSignature } from '../../server/core/log/act.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import { isWindowBlind } from '../../server/core/opening/layer.ts';
import { registerPhaseRefusal } from '../../server/core/opening/register.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { isLodgementPayload } from '../../server/core/seal/lodgement.ts';
import type { KeptBid } from './kept-bid.ts';

/**
 * The bid as it would have been kept here, its receipt not proven yet; null for what is not believed.
 *
 * Shape:   `opening` and `vkey` as the page has verified them; `keys` those that were opened at the log-in.
 * Why:     the statement must be signed by a key that is in hand: anybody else's could name an earlier deadline, or another envelope, and
 *          so make the key speak. A blind window's key is one that the bidder must have seen before the deadline; behind it the platform's
 *          word would be all there is, and the file that was saved is asked for.
 */
export async function adoptStanding(
  standing: NonNullable<OwnBidAnswer['standing']>,
  about: {
    readonly opening: OpeningState;
    readonly vkey: string;
    readonly creditCode: string;
    readonly keys: readonly AgentCertificate[];
    readonly sha256: Sha256;
    readonly verifySignature: VerifyJwsSignature;
  },
): Promise<KeptBid | null> {
  const { opening, vkey, creditCode, keys, sha256, verifySignature } = about;
  const { openingId, platform } = opening;
  const { bidId, statement, receipt, actId } = standing;
  if (isWindowBlind(opening) && registerPhaseRefusal('LodgeBid', opening.phase) !== null) return null;
  const expected = { platform, openingId, command: '', types: ['LodgeBid'] };
  const act = await checkAct({ act: statement }, expected, verifySignature, sha256);
  if (!act.ok || !isLodgementPayload(act.payload)) return null;
  const { payload, certificates } = act;
  const signer = toBase64Url(sha256(certificates[0] ?? new Uint8Array()));
  const isOurs = payload.iss === creditCode && payload.bidId === bidId;
  if (!isOurs || !keys.some(({ certSha256 }) => certSha256 === signer)) return null;
  return {
    v: 1,
    openingId,
    creditCode,
    bidId,
    statement,
    receipt,
    actId,
    withdrawal: null,
    windowKid: dealtWindowKidIn(sha256, opening),
    logVkey: vkey,
    status: 'unproven',
    signedAt: payload.iat * 1000,
    sizeBytes: payload.envelopeBytes,
    fileName: null,
  };
}
