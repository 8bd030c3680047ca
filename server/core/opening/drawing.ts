// A drawing as it stands: which round, who has promised a share, which shares are shown, and what came of it.
import type { Static } from 'typebox';
import type { WindowKeySchema } from './details.ts';
import type { Sharer } from './draw.ts';

/** A share of the round; `bidder` null for the witness, `share` null until it is shown or opened. */
export type Share = {
  readonly bidder: number | null;
  readonly commitment: string;
  /** The JWE to the key of the round. */
  readonly sealed: string;
  readonly share: string | null;
};

export type Drawing = {
  readonly round: number;
  /** Where it was started, and where the opening goes on once it is done. */
  readonly from: 'RosterPublished' | 'Announcing';
  readonly stage: 'committing' | 'revealing' | 'drawn' | 'void';
  readonly kid: string;
  readonly key: Static<typeof WindowKeySchema>;
  /** Integer ms; the commitments stay open after it until the witness's is there. */
  readonly commitBy: number;
  readonly revealBy: number | null;
  readonly shares: readonly Share[];
  /** Whose unsound shares were left out, once for each. */
  readonly leftOut: readonly (number | null)[];
  readonly voidProposedBy: 'witness' | 'supervisor' | null;
  readonly coefficient: string | null;
};

export function shareOf(drawing: Drawing, bidder: number | null): Share | undefined {
  return drawing.shares.find((share) => share.bidder === bidder);
}

export function hasWitnessShare(drawing: Drawing): boolean {
  return shareOf(drawing, null) !== undefined;
}

export function isAllShown(drawing: Drawing): boolean {
  return drawing.shares.every((share) => share.share !== null);
}

/** The name under which a share goes into commitments and result. */
export function sharerOf(bidder: number | null): Sharer {
  return bidder ?? 'witness';
}
