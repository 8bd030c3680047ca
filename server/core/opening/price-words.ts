/** A price in words: those of its bidder held against its figures, for where the two differ the words are what counts. */
import { amountFromWords, amountInWords } from './amount-in-words.ts';
import type { PriceRow } from './rows.ts';

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

/** Decimals of an amount at most. */
const PLACES = 6;

/** Whether two decimal texts name the same amount: `1.5` and `1.50` do. */
export function isSameAmount(a: string, b: string): boolean {
  const plain = (amount: string): string => {
    const [whole = '', decimals = ''] = amount.split('.');
    return `${whole}.${decimals.padEnd(PLACES, '0')}`;
  };
  return plain(a) === plain(b);
}

/** What is read aloud of one bidder's price, in Chinese: that is the language of the hall. */
export function spokenPrice(row: PriceRow): string {
  const { quote } = row;
  const { standing, written, valid } = priceWords(quote);
  const currency = quote.kind === 'total' && quote.currency !== 'CNY' ? quote.currency : '';
  const figures = `${quote.amount}${currency}${quote.unit}`;
  const more = {
    none: '',
    written: '',
    same: '',
    differ: `。数字为${figures}，与大写不一致，以大写为准`,
    unread: `。投标人所写大写为，${written}`,
  }[standing];
  const amount = `${valid === '' ? figures : valid}${more}`;
  const facts = [
    ['工期', row.duration],
    ['质量', row.quality],
    ['项目负责人', row.manager],
  ].filter(([, value]) => value !== '');
  return `${row.bidder}号投标人，${row.name}。报价，${amount}。${facts.map(([name, value]) => `${name}，${value}。`).join('')}`;
}
