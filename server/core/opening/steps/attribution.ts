// After the window: two people rule on each bid that did not open, the others' prices go out in one broadcast.
import { formatInstant } from '../../log/instant.ts';
import { isOthersFault } from '../attribution.ts';
import { needed, type Step } from '../decision.ts';
import { refuse } from '../refusals.ts';
import { isGreaterAmount, type PriceRow } from '../rows.ts';
import { bidOf, isDecrypted, isGivenUp, isUnsettled, verdictOf } from '../state.ts';

/** How often one bidder may contest the ruling on its bid: a right, not a brake on the others. */
export const MAX_CONTESTS = 3;

/** Host and witness each rule; the verdict stands once both have said the same. `unknown` and a contested one may be ruled again. */
export const giveRuling: Step<'GiveRuling'> = (state, { data, actor }) => {
  const bid = bidOf(state, data.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (isDecrypted(bid)) return refuse('bid_was_decrypted');
  if (isGivenUp(bid)) return refuse('bid_was_revoked');
  const standing = verdictOf(bid);
  if (standing !== null && standing !== 'unknown') return refuse('ruling_is_final');
  if (data.verdict === 'deemed_revoked' && isOthersFault(state, bid)) return refuse('not_the_bidders_fault');
  const by = actor.role === 'host' ? 'host' : 'witness';
  return {
    events: [
      { type: 'RulingGiven', body: { bidder: bid.bidder, verdict: data.verdict, by }, fields: { reason: data.reason } },
    ],
  };
};

export const contestRuling: Step<'ContestRuling'> = (state, { data, actor }) => {
  const bid = actor.bidder === undefined ? undefined : bidOf(state, actor.bidder);
  if (bid === undefined) return refuse('no_such_bidder');
  if (isGivenUp(bid)) return refuse('bid_was_revoked');
  if (verdictOf(bid) === null) return refuse('nothing_ruled');
  if (bid.contests >= MAX_CONTESTS) return refuse('ruling_is_final');
  return { events: [{ type: 'RulingContested', body: { bidder: bid.bidder }, fields: { reason: data.reason } }] };
};

export const declareFailed: Step<'DeclareFailed'> = (state, { data }) => {
  if (state.bids.some(isDecrypted)) return refuse('some_decrypted');
  if (state.bids.some(isUnsettled)) return refuse('rulings_missing');
  // as of the end of the window, or of the remedy or the second layer that came after it
  const at = state.phaseSince;
  return {
    events: [
      {
        type: 'TenderFailed',
        body: { reason: 'no_bid_decrypted', effectiveAt: formatInstant(at) },
        fields: { report: { reason: data.reason, bids: state.bids.length } },
      },
    ],
  };
};

/**
 * 唱标: every price in ONE event, so that all see them at the same moment (20号令30, 54(1)).
 *
 * Why: `unknown` does not hold the others back; over the ceiling is flagged, nothing is rejected here (87号令59).
 */
export const announcePrices: Step<'AnnouncePrices'> = (state, _command, facts) => {
  if (!state.bids.some(isDecrypted)) return refuse('nothing_decrypted');
  if (state.bids.some(isUnsettled)) return refuse('rulings_missing');
  const opened = facts.openedLists;
  const decrypted = state.bids.filter(isDecrypted);
  if (opened === null || opened.length !== decrypted.length) return refuse('lists_not_ready');
  const { ceilingPrice } = state.policy;
  const register = needed(facts.register, 'the register');
  const rows = decrypted.map((bid): PriceRow => {
    const mine = needed(
      opened.find((o) => o.bidder === bid.bidder) ?? null,
      `the opening list of bidder ${bid.bidder}`,
    );
    const who = needed(
      register.roster[register.numbers.indexOf(bid.bidder)] ?? null,
      `the roster row of bidder ${bid.bidder}`,
    );
    const { quote, duration, quality, manager } = mine.list;
    const overCeiling = ceilingPrice !== null && quote.kind === 'total' && isGreaterAmount(quote.amount, ceilingPrice);
    return {
      bidder: bid.bidder,
      creditCode: who.creditCode,
      name: who.name,
      quote,
      duration,
      quality,
      manager,
      overCeiling,
      openingList: mine.disclosure,
    };
  });
  return {
    events: [
      {
        type: 'PricesAnnounced',
        body: { count: rows.length, ceilingPrice },
        fields: { rows, numbers: register.numbers },
      },
    ],
  };
};
