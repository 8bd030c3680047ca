/** Quoting in a round of a negotiation: sealed to the round's key, committed to, kept, and read by nobody before the common end. */

import { makeDisclosure, SALT_BYTES } from '../../core/log/disclosure.ts';
import type { Entry } from '../../core/log/entry.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { type Offer, QUOTE_FIELD, runningRound } from '../../core/opening/quote-rounds.ts';
import { sha256 } from '../../hash.ts';
import { sealSecret } from '../seal/seal-secret.ts';
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
  const { round, kid, key } = running;
  const offer: Offer = { v: 1, openingId, round, creditCode: person.creditCode, quote };
  const salt = person.world.randomBytes(SALT_BYTES);
  const { disclosure, digest } = makeDisclosure(sha256, salt, QUOTE_FIELD, offer);
  await person.folder.keepEvidence(openingId, `quote-${round}-${digest.slice(0, 8)}.json`, `${disclosure}\n`);
  const sealed = await sealSecret(utf8(disclosure), { kid, key }, { about: 'quote', openingId, round });
  const data = { round, commitment: digest, sealed };
  const { entries } = await act(person, openingId, { type: 'SubmitQuote', role: 'bidder', data });
  const [received] = entries;
  if (received?.type !== 'QuoteReceived') throw new PersonError('answer_not_as_asked', received?.type);
  return received;
}
