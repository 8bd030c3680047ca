/** What the vault says of a round of quotes: whether a sealed one is what it promises, and at the end what is in each. */
import type { KeyObject } from 'node:crypto';
import { openSecret } from '../client/open-secret.ts';
import { disclosureDigest } from '../core/log/disclosure.ts';
import { LogFormatError } from '../core/log/error.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Facts } from '../core/opening/facts.ts';
import { type QuoteRound, readOffer, runningRound } from '../core/opening/quote-rounds.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { sha256 } from '../hash.ts';
import { type FoldedOpening, quoteName } from './kept-opening.ts';
import { type KeySources, privateKeyOf } from './private-key.ts';

/** Of a quote that comes in; null when no round is running. Nothing of it is kept. */
export async function lookAtQuote(
  { state, quotes }: Pick<FoldedOpening, 'state' | 'quotes'>,
  data: { readonly commitment: string; readonly sealed: string },
  asking: { readonly bidder: number | null; readonly creditCode: string | null },
  sources: KeySources,
): Promise<Facts['sealedQuote']> {
  const running = state.phase === 'QuoteRound' ? runningRound(state) : null;
  if (running === null) return null;
  const isRepeated = asking.bidder !== null && quotes.has(quoteName(running.round, asking.bidder));
  // another's commitment, copied, would make the round unreadable
  if (isRepeated || running.commitments.includes(data.commitment)) return { isSound: false, isRepeated };
  const disclosure = await openQuote(state, running, data, await privateKeyOf(state.openingId, running.kid, sources));
  const offer = disclosure === null ? undefined : readOffer(disclosure);
  const isSound =
    offer?.openingId === state.openingId && offer.round === running.round && offer.creditCode === asking.creditCode;
  return { isSound, isRepeated };
}

/** Every quote of the running round, by bidder; null when one cannot be opened now. */
export async function openQuotes(
  { state, quotes }: Pick<FoldedOpening, 'state' | 'quotes'>,
  sources: KeySources,
): Promise<Facts['quotes']> {
  const running = runningRound(state);
  if (running === null) return null;
  const opened = new Map<number, string>();
  if (running.commitments.length === 0) return opened;
  const key = await privateKeyOf(state.openingId, running.kid, sources);
  for (const { bidder } of state.bids) {
    const kept = quotes.get(quoteName(running.round, bidder));
    if (kept === undefined) continue;
    const disclosure = await openQuote(state, running, kept, key);
    if (disclosure === null) return null;
    opened.set(bidder, disclosure);
  }
  return opened;
}

/** The disclosure in a sealed quote; null unless it is the one committed to. */
async function openQuote(
  { openingId }: OpeningState,
  { round, kid }: QuoteRound,
  { commitment, sealed }: { readonly commitment: string; readonly sealed: string },
  key: KeyObject | null,
): Promise<string | null> {
  const secret = key === null ? null : await openSecret(sealed, key, kid, { about: 'quote', openingId, round });
  if (secret === null) return null;
  try {
    const disclosure = fromUtf8(secret);
    return disclosureDigest(sha256, disclosure) === commitment ? disclosure : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}
