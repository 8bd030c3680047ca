/** A price in words: those of its bidder held against its figures, for where the two differ the words are what counts. */
import type { PriceRow } from '../../server/core/opening/rows.ts';
import { isSameAmount } from '../parts/amount.ts';
import { amountFromWords, amountInWords } from '../parts/amount-in-words.ts';

/** `none`: there are no words and can be none; `written`: only the bidder's, of what is no sum of yuan; `unread`: its bidder's words cannot be read. */
export type PriceWords = {
  readonly standing: 'none' | 'written' | 'same' | 'differ' | 'unread';
  /** 大写 of the figures; null where they are no sum of yuan. */
  readonly computed: string | null;
  /** Verbatim; empty where the bidder wrote none. */
  readonly written: string;
  /** What stands for the price in words, and is read aloud: the bidder's own where they name another sum than the figures. */
  readonly valid: string;
};

/**
 * The words of a price.
 *
 * Source: 87号令 art. 59: words prevail over figures.
 * Why:    words made from figures would announce the very sum that does not count.
 */
export function priceWords({ kind, currency, amount, inWords: written }: PriceRow['quote']): PriceWords {
  const computed = kind === 'total' && currency === 'CNY' ? amountInWords(amount) : null;
  if (computed === null) return { standing: written === '' ? 'none' : 'written', computed, written, valid: written };
  const named = written === '' ? amount : amountFromWords(written);
  if (named === null) return { standing: 'unread', computed, written, valid: computed };
  const isSame = isSameAmount(named, amount);
  return { standing: isSame ? 'same' : 'differ', computed, written, valid: isSame ? computed : written };
}
