/** GET /openings/<id>/spoken/<bidder>: an announced price read aloud, for pages on computers without a Chinese voice. */
import * as Type from 'typebox';
import { spokenPrice } from '../core/opening/price-words.ts';
import { roleSees } from '../core/opening/visibility.ts';
import { openVoice } from '../speech/voice.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { OpeningParams, strict } from './schemas.ts';

const Params = Type.Object(
  { ...OpeningParams.properties, bidder: Type.String({ pattern: '^[1-9][0-9]{0,5}$' }) },
  strict,
);

export function addSpoken(app: Nouns, { recorder, config, world }: Dependencies): void {
  const voice = openVoice(config.speechEngine, {
    world,
    onFault: (fault) => app.log.warn({ err: fault }, 'a price could not be read aloud'),
  });
  app.get(
    '/openings/:openingId/spoken/:bidder',
    {
      schema: {
        tags: ['openings'],
        summary:
          'An announced price that the public may know, read aloud in Chinese, where the platform has a speech engine',
        params: Params,
      },
    },
    async ({ params: { openingId, bidder } }, reply) => {
      const state = await recorder.stateOf(openingId);
      if (state === null) throw new ProblemError('no_such_opening');
      // Nothing is said but what everybody reads on the log already.
      if (!roleSees('public', { type: 'PricesAnnounced', field: 'rows', body: {} }, state))
        throw new ProblemError(state.prices === null ? 'no_such_price' : 'prices_not_public');
      const row = state.prices?.known ? state.prices.value.find((one) => one.bidder === Number(bidder)) : undefined;
      if (row === undefined) throw new ProblemError('no_such_price');
      const sound = await voice.say(spokenPrice(row));
      if (sound === 'busy') throw new ProblemError('overloaded');
      if (typeof sound === 'string') throw new ProblemError('no_voice');
      return reply.type('audio/wav').send(Buffer.from(sound));
    },
  );
}
