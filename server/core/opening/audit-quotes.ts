// Released quotes held against what was committed to while the round ran: each once, none beside, every opened bid on a line.
import { canonicalise } from '../log/canonical.ts';
import { disclosureDigest } from '../log/disclosure.ts';
import type { Sha256 } from '../log/hash.ts';
import type { Finding } from './audit-lists.ts';
import { type QuoteRow, quotingBids, readOffer } from './quote-rounds.ts';
import type { OpeningState } from './state.ts';

/** The rows of the last round. */
export function quotesProblem(after: OpeningState, sha256: Sha256): Finding {
  const last = after.quoteRounds.at(-1);
  if (last?.rows?.known !== true) return null;
  const rows = last.rows.value;
  const isComplete =
    rows.map((row) => row.bidder).join() ===
    quotingBids(after)
      .map((bid) => bid.bidder)
      .join();
  const shown = rows.flatMap(({ disclosure }) => (disclosure === null ? [] : [disclosureDigest(sha256, disclosure)]));
  const isSame = [...shown].sort().join() === [...last.commitments].sort().join();
  return isComplete && isSame && rows.every((row) => isOffered(row, last.round, after)) ? null : 'quotes_differ';
}

function isOffered({ bidder, quote, disclosure }: QuoteRow, round: number, state: OpeningState): boolean {
  if (disclosure === null || quote === null) return disclosure === quote;
  const offer = readOffer(disclosure);
  if (offer === undefined || offer.round !== round || offer.openingId !== state.openingId) return false;
  if (canonicalise(offer.quote) !== canonicalise(quote)) return false;
  if (!state.roster.known || !state.numbers.known) return true;
  return state.roster.value[state.numbers.value.indexOf(bidder)]?.creditCode === offer.creditCode;
}
