/** Quoting in a round of a negotiation: sealed to the round's key, committed to, kept, and read by nobody before the common end. */
import { prepareQuote } from '../../client/quote-offer.ts';
import type { Entry } from '../../core/log/entry.ts';
import { type Offer, runningRound } from '../../core/opening/quote-rounds.ts';
import { sha256 } from '../../hash.ts';
import { act } from './act.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

export type Quote = Offer['quote'];

/**
 * Gives a quote.
 *
 * Returns: the proven QuoteReceived entry.
 * Throws:  PersonError no_quote_round; SealError key_not_as_named; as act.
 * Why:     what is sealed is kept before it is sent: with it the bidder shows later what it offered.
 */
export async function giveQuote(person: Person, openingId: string, quote: Quote): Promise<Entry> {
  const state = await catchUp(person, openingId, 'bidder');
  const running = state.phase === 'QuoteRound' ? runningRound(state) : null;
  if (running === null) throw new PersonError('no_quote_round');
  const { creditCode, world, folder } = person;
  const about = { openingId, creditCode, running };
  const { disclosure, data } = await prepareQuote({ sha256, randomBytes: world.randomBytes }, about, quote);
  await folder.keepEvidence(openingId, `quote-${data.round}-${data.commitment.slice(0, 8)}.json`, `${disclosure}\n`);
  const { entries } = await act(person, openingId, { type: 'SubmitQuote', role: 'bidder', data });
  const [received] = entries;
  if (received?.type !== 'QuoteReceived') throw new PersonError('answer_not_as_asked', received?.type);
  return received;
}
