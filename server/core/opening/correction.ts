// Emergency corrections 紧急纠错: the closed list of what may be put right, and what each would change, computed before anyone agrees.
import * as Type from 'typebox';
import { BidderNumber, Name } from './details.ts';
import { isGivenUp, type OpeningState, outcomeOf, verdictOf } from './state.ts';

const strict = { additionalProperties: false } as const;

/** What of the record's wording may be wrong: how it names things, never what was bid, opened or announced. */
export const CORRECTABLE_TEXTS = ['title', 'tenderer', 'agency', 'place'] as const;

/**
 * A ruling that should not stand is given anew; a refused attempt noted by mistake is struck; a text of the record is put right.
 *
 * Why: a list without a bid's content, price, time or decryption in it: what is not here cannot be said, whoever agrees to it.
 */
export const CorrectionSchema = Type.Union([
  Type.Object({ kind: Type.Literal('reopen_ruling'), bidder: BidderNumber }, strict),
  Type.Object({ kind: Type.Literal('strike_attempt'), bidder: BidderNumber }, strict),
  Type.Object({ kind: Type.Literal('record_text'), member: Type.Enum(CORRECTABLE_TEXTS), text: Name }, strict),
]);
export type Correction = Type.Static<typeof CorrectionSchema>;

/** One thing that would change: what it says now and what it would say; `bidder` null where it is about none. */
export const EffectSchema = Type.Object(
  {
    what: Type.Enum(['ruling', 'refused_attempts', 'record_text', 'record_version', 'signatures'] as const),
    bidder: Type.Union([BidderNumber, Type.Null()]),
    before: Type.String(),
    after: Type.String(),
  },
  strict,
);
export type Effect = Type.Static<typeof EffectSchema>;

/** A correction as it stands on the log. */
export type StandingCorrection = {
  readonly number: number;
  readonly by: 'witness' | 'supervisor';
  readonly correction: Correction;
  readonly effects: readonly Effect[];
  readonly made: boolean;
};

/** The state once it is made: nothing that stands on the log is touched, only what follows from it. */
export function corrected(state: OpeningState, correction: Correction): OpeningState {
  if (correction.kind === 'record_text')
    return { ...state, closeProposed: null, details: { ...state.details, [correction.member]: correction.text } };
  const bids = state.bids.map((bid) => {
    if (bid.bidder !== correction.bidder) return bid;
    if (correction.kind === 'strike_attempt') return { ...bid, lateAttempts: bid.lateAttempts - 1 };
    return { ...bid, ruledByHost: null, ruledByWitness: null, contestOpen: false };
  });
  return { ...state, closeProposed: null, bids };
}

/**
 * What a correction would change in this state.
 *
 * Returns: the effects in a fixed order; null when there is nothing of the kind to put right.
 * Why:     one function for who proposes, who confirms and who audits: what was shown is what is done.
 */
export function effectsOf(state: OpeningState, correction: Correction): readonly Effect[] | null {
  const own = ownEffect(state, correction);
  if (own === null) return null;
  const { record, bids } = state;
  if (record === null || correction.kind === 'strike_attempt') return [own];
  const signatures = bids.filter((b) => b.answer?.kind === 'signed').length;
  return [
    own,
    { what: 'record_version', bidder: null, before: String(record.version), after: String(record.version + 1) },
    ...(signatures === 0
      ? []
      : [{ what: 'signatures' as const, bidder: null, before: String(signatures), after: '0' }]),
  ];
}

function ownEffect(state: OpeningState, correction: Correction): Effect | null {
  if (correction.kind === 'record_text') {
    const before = state.details[correction.member];
    if (before === correction.text) return null;
    return { what: 'record_text', bidder: null, before, after: correction.text };
  }
  const { bidder } = correction;
  const bid = state.bids[bidder - 1];
  if (bid === undefined) return null;
  if (correction.kind === 'strike_attempt') {
    const { lateAttempts } = bid;
    if (lateAttempts === 0) return null;
    return { what: 'refused_attempts', bidder, before: String(lateAttempts), after: String(lateAttempts - 1) };
  }
  if (isGivenUp(bid) || outcomeOf(bid) === 'decrypted' || verdictOf(bid) === null) return null;
  return { what: 'ruling', bidder, before: outcomeOf(bid), after: 'not_ruled' };
}
