/** A quote of one's own in a round of a negotiation: what is committed to, sealed to the round's key, and kept to be shown later. */
import { makeDisclosure, SALT_BYTES } from '../core/log/disclosure.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { utf8 } from '../core/log/utf8.ts';
import { type Offer, QUOTE_FIELD, type QuoteRound } from '../core/opening/quote-rounds.ts';
import { sealSecretTo } from './seal-secret.ts';

/** What a quote is before it is sent: `disclosure` is kept by its bidder, `data` goes to the platform. */
export type PreparedQuote = {
  readonly disclosure: string;
  readonly data: { readonly round: number; readonly commitment: string; readonly sealed: string };
};

/** Makes it. Throws: SealError key_not_as_named. */
export async function prepareQuote(
  { sha256, randomBytes }: { readonly sha256: Sha256; readonly randomBytes: (count: number) => Uint8Array },
  about: {
    readonly openingId: string;
    readonly creditCode: string;
    readonly running: Pick<QuoteRound, 'round' | 'kid' | 'key'>;
  },
  quote: Offer['quote'],
): Promise<PreparedQuote> {
  const { openingId, creditCode, running } = about;
  const { round, kid, key } = running;
  const offer: Offer = { v: 1, openingId, round, creditCode, quote };
  const { disclosure, digest } = makeDisclosure(sha256, randomBytes(SALT_BYTES), QUOTE_FIELD, offer);
  const purpose = { about: 'quote', openingId, round } as const;
  const sealed = await sealSecretTo(sha256, utf8(disclosure), { kid, key }, purpose);
  return { disclosure, data: { round, commitment: digest, sealed } };
}
