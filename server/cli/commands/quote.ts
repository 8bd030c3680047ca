/** `kaibiao quote`: a sealed quote in a round of a negotiation. */
import { Check } from 'typebox/schema';
import { QuoteSchema } from '../../core/opening/rows.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { giveQuote } from '../person/quote.ts';
import { enter, parsePerson } from './options.ts';

/** Gives a quote; by default a total in the opening's usual currency and unit. */
export async function quote(argv: readonly string[], io: Io): Promise<number> {
  const text = { type: 'string' } as const;
  const options = { amount: text, kind: text, currency: text, unit: text, words: text };
  const { values, positionals } = parsePerson(argv, ['opening'], options);
  const { amount, kind = 'total', currency = 'CNY', unit = '元', words = '' } = values;
  const offered = { kind, amount, currency, unit, inWords: words };
  if (!Check(QuoteSchema, offered))
    throw new UsageError('--amount is a number like 1980000.00, --kind total, rate or unit, --currency like CNY.');
  const { seq, receivedAt } = await giveQuote(await enter(values, io), positionals[0] ?? '', offered);
  io.out(`received ${receivedAt ?? ''} as entry ${seq}; sealed until the end of the round · 已收到，密封至本轮结束`);
  return EXIT.done;
}
