// Rounds of quotes in a negotiation: sealed in the round, the same end for all, all released at once, who gave none has declined.
import { formatInstant } from '../../log/instant.ts';
import { needed, type Step } from '../decision.ts';
import { type QuoteRow, quotingBids, readOffer, runningRound } from '../quote-rounds.ts';
import { refuse } from '../refusals.ts';
import { bidOf, isDecrypted, type OpeningState } from '../state.ts';
import { standingOf } from './window.ts';

/** Does the policy promise rounds of quotes, and has none been held? Then the opening does not go on to its record. */
export function isQuotingOpen(state: OpeningState): boolean {
  if (state.policy.quoteRounds === undefined) return false;
  return state.quoteRounds.length === 0 || runningRound(state) !== null;
}

export const startQuoteRound: Step<'StartQuoteRound'> = (state, _command, facts) => {
  const rules = state.policy.quoteRounds;
  if (rules === undefined) return refuse('no_quotes_promised');
  if (runningRound(state) !== null) return refuse('quote_round_running');
  if (state.quoteRounds.length >= rules.maxRounds) return refuse('too_many_quote_rounds');
  const key = needed(facts.windowKey, 'the key of the round');
  const body = {
    round: state.quoteRounds.length + 1,
    kid: key.kid,
    roundKey: key.jwk,
    holders: ['platform'],
    closesAt: formatInstant(facts.at + rules.roundMs),
  };
  return { events: [{ type: 'QuoteRoundStarted', body, fields: {} }] };
};

/**
 * One quote of a bidder in a round, sealed to the round's key, with a commitment to it.
 *
 * Why: the vault looks at once whether it opens to what is committed to, so that nobody loses a round to a broken client, and none
 *      can be void on purpose; it keeps nothing. The entry says that a quote came, never whose: that is withheld from all, those
 *      who conduct included, until the common end.
 */
export const submitQuote: Step<'SubmitQuote'> = (state, { data, actor }, facts) => {
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (!isDecrypted(bid)) return refuse('bid_not_opened');
  const running = runningRound(state);
  if (running === null || standingOf(running, facts.receivedAt) !== 'open') return refuse('quote_round_is_over');
  if (data.round !== running.round) return refuse('wrong_quote_round');
  const { isSound, isRepeated } = needed(facts.sealedQuote, 'whether the quote is what was promised');
  if (isRepeated) return refuse('already_quoted');
  if (!isSound) return refuse('quote_not_as_committed');
  const { round, commitment, sealed } = data;
  const fields = { quoter: bid.bidder, sealed };
  return { events: [{ type: 'QuoteReceived', body: { round, commitment }, fields }] };
};

/** The common end: every quote in ONE event, and who gave none stands there as declined (采购法38(5)). */
export const releaseQuotes: Step<'ReleaseQuotes'> = (state, _command, facts) => {
  const running = runningRound(state);
  if (running === null) return refuse('quote_round_is_over');
  if (standingOf(running, facts.at) !== 'after') return refuse('before_its_time');
  if (facts.undecided > 0) return refuse('acts_still_undecided');
  const { quotes } = facts;
  if (quotes === null) return refuse('quotes_not_open');
  const rows = quotingBids(state).map(({ bidder }): QuoteRow => {
    const disclosure = quotes.get(bidder) ?? null;
    const offer = disclosure === null ? undefined : readOffer(disclosure);
    return { bidder, quote: offer?.quote ?? null, disclosure };
  });
  const quoted = rows.filter((row) => row.quote !== null).length;
  if (quoted !== running.commitments.length) return refuse('quotes_not_open');
  const body = {
    round: running.round,
    effectiveAt: formatInstant(running.closesAt),
    quoted,
    declined: rows.length - quoted,
  };
  return { events: [{ type: 'QuotesReleased', body, fields: { rows } }] };
};
