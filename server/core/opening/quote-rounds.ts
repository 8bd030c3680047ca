// Rounds of quotes 二次报价 as they stand: sealed until one common end, released together, a bidder without a quote recorded as declined.
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { type Disclosed, readDisclosure } from '../log/disclosure.ts';
import { LogFormatError } from '../log/error.ts';
import { BidderNumber, OpeningId, type WindowKeySchema } from './details.ts';
import type { Knowable } from './events.ts';
import { CreditCode, QuoteSchema } from './rows.ts';
import { type Bid, isDecrypted, type OpeningState } from './state.ts';

const strict = { additionalProperties: false } as const;

/** Rounds one policy may promise. */
export const MAX_QUOTE_ROUNDS = 10;
/** The field name in a quote's disclosure. */
export const QUOTE_FIELD = 'quote';

/** What a bidder seals and commits to, as a disclosure `[salt, "quote", offer]`: nobody else's copy of it says the same. */
export const OfferSchema = Type.Object(
  {
    v: Type.Literal(1),
    openingId: OpeningId,
    round: Type.Integer({ minimum: 1 }),
    creditCode: CreditCode,
    quote: QuoteSchema,
  },
  strict,
);
export type Offer = Type.Static<typeof OfferSchema>;

/** One bidder's line of a released round; `quote` and `disclosure` null where it declined (采购法38(5)). */
export const QuoteRowSchema = Type.Object(
  {
    bidder: BidderNumber,
    quote: Type.Union([QuoteSchema, Type.Null()]),
    disclosure: Type.Union([Type.String({ minLength: 1 }), Type.Null()]),
  },
  strict,
);
export type QuoteRow = Type.Static<typeof QuoteRowSchema>;

export type QuoteRound = {
  readonly round: number;
  readonly kid: string;
  readonly key: Type.Static<typeof WindowKeySchema>;
  /** Integer ms, half-open, the same end for all. */
  readonly opensAt: number;
  readonly closesAt: number;
  /** What was committed to, in the order received; by whom is not said before the end. */
  readonly commitments: readonly string[];
  readonly rows: Knowable<readonly QuoteRow[]> | null;
};

/** The round that takes quotes now; null between rounds. */
export function runningRound({ quoteRounds }: Pick<OpeningState, 'quoteRounds'>): QuoteRound | null {
  const last = quoteRounds.at(-1);
  return last === undefined || last.rows !== null ? null : last;
}

/** Who may quote: every bidder whose bid was opened. */
export function quotingBids({ bids }: Pick<OpeningState, 'bids'>): readonly Bid[] {
  return bids.filter(isDecrypted);
}

/** The offer in a disclosure; undefined unless it is exactly one. */
export function readOffer(disclosure: string): Offer | undefined {
  let said: Disclosed;
  try {
    said = readDisclosure(disclosure);
  } catch (fault) {
    if (fault instanceof LogFormatError) return undefined;
    throw fault;
  }
  return said.field === QUOTE_FIELD && Check(OfferSchema, said.value) ? said.value : undefined;
}
