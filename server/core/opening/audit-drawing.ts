// A drawing computed again from the log: every share against its promise, the platform's against genesis, the coefficient from all of them.
import type { DigestText, Finding } from './audit-lists.ts';
import { drawCoefficient, MAX_DRAW_ROUNDS, type OpenShare, shareCommitment } from './draw.ts';
import { shareOf, sharerOf } from './drawing.ts';
import type { EventBody } from './events.ts';
import type { OpeningState } from './state.ts';

/** Genesis of an opening whose policy draws promises the platform's shares; one that draws nothing promises none. */
export function drawPromiseProblem({ policy, drawCommitments }: OpeningState): Finding {
  const expected = policy.draw === 'none' ? 0 : MAX_DRAW_ROUNDS;
  // an amendment may give the draw up again; then the promises stand there unused
  return drawCommitments.length < expected ? 'share_differs' : null;
}

/** A share shown or opened is the one that was promised. */
export function shareProblem(
  before: OpeningState | null,
  { round, bidder, share }: EventBody<'ShareRevealed'>,
  digest: DigestText,
): Finding {
  if (before?.drawing == null) return null;
  const promised = shareOf(before.drawing, bidder)?.commitment;
  const { openingId } = before;
  return shareCommitment({ openingId, round }, { sharer: sharerOf(bidder), share }, digest) === promised
    ? null
    : 'share_differs';
}

/** The platform's share is the one that genesis promised for this round, and the coefficient follows from all shares. */
export function coefficientProblem(
  before: OpeningState | null,
  { round, platformShare, coefficient }: EventBody<'CoefficientDrawn'>,
  digest: DigestText,
): Finding[] {
  if (before?.drawing == null) return [];
  const { openingId, policyHash, drawing, drawCommitments } = before;
  const { draw } = before.policy;
  if (draw === 'none') return [];
  const platform: OpenShare = { sharer: 'platform', share: platformShare };
  const isPromised = shareCommitment({ openingId, round }, platform, digest) === drawCommitments[round - 1];
  const shares = drawing.shares.map(
    ({ bidder, share }): OpenShare => ({ sharer: sharerOf(bidder), share: share ?? '' }),
  );
  const derived = drawCoefficient({ openingId, policyHash, round }, draw, [platform, ...shares], digest);
  return [isPromised ? null : 'share_differs', derived === coefficient ? null : 'coefficient_differs'];
}
