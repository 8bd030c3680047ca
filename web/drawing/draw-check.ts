/** Computes a drawn coefficient once more from what this page has verified, and says what anyone needs to do the same. */
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise } from '../../server/core/log/canonical.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import {
  coefficientCount,
  drawCoefficient,
  type OpenShare,
  type Sharer,
  shareCommitment,
} from '../../server/core/opening/draw.ts';
import { type Drawing, sharerOf } from '../../server/core/opening/drawing.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import type { HeldEntry } from '../replica/replica.ts';

export type DrawCheck = {
  /** Whether every share is the one that was promised, the platform's in genesis among them. */
  readonly isAsPromised: boolean;
  /** What the shares give; held against what the log says was drawn. */
  readonly coefficient: string;
  readonly isSame: boolean;
  /** How many values were drawn from. */
  readonly count: number;
  /** The text that the result is the digest of, exactly. */
  readonly text: string;
};

const digest = (text: string): string => toBase64Url(sha256(utf8(text)));

/** Null before a coefficient is drawn. */
export function checkDraw(state: OpeningState, entries: readonly Pick<HeldEntry, 'event'>[]): DrawCheck | null {
  const { openingId, policyHash, policy, drawing, drawCommitments } = state;
  if (drawing?.coefficient == null || policy.draw === 'none') return null;
  const { round } = drawing;
  const drawn = entries
    .map(({ event }) => event)
    .find((event) => event.type === 'CoefficientDrawn' && event.body.round === round);
  if (drawn?.type !== 'CoefficientDrawn') return null;
  const platform = { sharer: 'platform', share: drawn.body.platformShare, commitment: drawCommitments[round - 1] };
  const shares: readonly (OpenShare & { readonly commitment: string | undefined })[] = [
    { ...platform, sharer: 'platform' },
    ...sharesInOrder(drawing),
  ];
  const about = { openingId, policyHash, round };
  const coefficient = drawCoefficient(about, policy.draw, shares, digest);
  return {
    isAsPromised: shares.every((share) => shareCommitment(about, share, digest) === share.commitment),
    coefficient,
    isSame: coefficient === drawing.coefficient,
    count: coefficientCount(policy.draw),
    text: canonicalise({ openingId, policyHash, round, shares: shares.map(({ sharer, share }) => [sharer, share]) }),
  };
}

/** The witness's first, then the bidders' by number, as the result takes them. */
function sharesInOrder({ shares }: Drawing) {
  return [...shares]
    .sort((a, b) => (a.bidder ?? 0) - (b.bidder ?? 0))
    .map(({ bidder, share, commitment }) => ({
      sharer: sharerOf(bidder) satisfies Sharer,
      share: share ?? '',
      commitment,
    }));
}
