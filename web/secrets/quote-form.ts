/** A quote out of what its bidder filled in. */
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { amountInWords } from '../../server/core/opening/amount-in-words.ts';
import type { Offer } from '../../server/core/opening/quote-rounds.ts';
import { plainAmount } from '../parts/amount.ts';

export const QUOTE_KINDS = ['total', 'rate', 'unit'] as const satisfies readonly Offer['quote']['kind'][];

/**
 * The quote. Shape: `given` has `quoteKind`, `amount` and `unit`, the amount already found to be one.
 *
 * Why: the words are made from the figures, for words prevail over figures (87号令59) and nobody should mistype them.
 */
export function quoteOf(given: JsonObject): Offer['quote'] {
  const kind = QUOTE_KINDS.find((known) => known === given['quoteKind']) ?? 'total';
  const amount = plainAmount(String(given['amount'] ?? '')) ?? '';
  const inWords = kind === 'total' ? (amountInWords(amount) ?? '') : '';
  return { kind, amount, currency: 'CNY', unit: String(given['unit'] ?? '').trim(), inWords };
}
