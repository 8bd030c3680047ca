/** /openings/<id>/bids: a sealed envelope with its signed statement, streamed through the gate into the vault, then recorded; and what stands of one's own. */
import * as Type from 'typebox';
import { readOwnBid } from '../recorder/own-bid.ts';
import type { Answer } from '../recorder/submission.ts';
import { receiveEnvelope } from '../vault/receive-envelope.ts';
import { callerOf, callers, creditCodeOf, sourceOf } from './authenticate.ts';
import { acceptStatement, finaliseLodging, type Lodging, UNREAD_LIMIT_BYTES } from './bid-lodging.ts';
import { BID_MEDIA_TYPE, readBidUpload } from './bid-upload.ts';
import { answerOf } from './commands.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { AcceptedSchema, OpeningParams } from './schemas.ts';

const Own = Type.Object({
  standing: Type.Union([
    Type.Null(),
    Type.Object({
      bidId: Type.String(),
      statement: Type.String({ description: 'the lodgement statement, as it was signed' }),
      receipt: Type.String(),
      actId: Type.Union([Type.String(), Type.Null()]),
    }),
  ]),
});

export function addBids(app: Nouns, dependencies: Dependencies): void {
  app.addContentTypeParser(BID_MEDIA_TYPE, (_request, body, done) => done(null, body));
  app.post(
    '/openings/:openingId/bids',
    {
      config: { isVital: true, limit: 'vital' },
      preParsing: callers(dependencies).must,
      // Its size is the gate's to bound, as it streams.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        tags: ['bids'],
        summary: 'Lodges a bid, or replaces the one that stands; answered with the platform’s receipt',
        description: `Body: \`${BID_MEDIA_TYPE}\`: the lodgement statement as one line of ASCII, a line feed, then the envelope's bytes to the end.`,
        params: OpeningParams,
        response: { 200: AcceptedSchema },
      },
    },
    async (request, reply) => {
      // Until it has been read to its end: whoever is refused must not go on sending gigabytes.
      if (Number(request.headers['content-length'] ?? Number.NaN) <= UNREAD_LIMIT_BYTES === false)
        reply.header('connection', 'close');
      if (request.headers['content-type'] !== BID_MEDIA_TYPE) throw new ProblemError('media_type_not_taken');
      const lodging = { openingId: request.params.openingId, caller: callerOf(request), source: sourceOf(request) };
      const answer = answerOf(await processBid(dependencies, lodging, request.body as AsyncIterable<Uint8Array>));
      reply.removeHeader('connection');
      return answer;
    },
  );

  app.get(
    '/openings/:openingId/bids/own',
    {
      config: { isVital: true, limit: 'vital' },
      preParsing: callers(dependencies).must,
      schema: {
        tags: ['bids'],
        summary: 'The bid of one’s own that stands, with its receipt, for whoever lost the answer or the computer',
        params: OpeningParams,
        response: { 200: Own },
      },
    },
    async (request) => {
      const { openingId } = request.params;
      const kept = await dependencies.recorder.keptOf(openingId);
      if (kept === null) throw new ProblemError('no_such_opening');
      const creditCode = creditCodeOf(callerOf(request).account);
      return { standing: await readOwnBid(dependencies.sql, { openingId, creditCode, register: kept.register }) };
    },
  );
}

/**
 * Lodges one envelope.
 *
 * Throws: ProblemError: statement_line_malformed; what acceptStatement refuses; the envelope_… codes; storage_full; upload_broken.
 *
 * The order of effects, and what a crash after each leaves:
 *   1. statement, certificate, register asked   nothing
 *   2. envelope durable under a random name     a file nobody has a receipt for; a later start removes it (left-files)
 *   3. finaliseLodging
 */
async function processBid(
  dependencies: Dependencies,
  lodging: Lodging,
  body: AsyncIterable<Uint8Array>,
): Promise<Answer> {
  const { statement, envelope } = await readBidUpload(body);
  const bid = await acceptStatement(dependencies, lodging, statement);
  const received = accepted(await receiveEnvelope(dependencies.envelopes, envelope, bid.gate));
  return finaliseLodging(dependencies, lodging, bid, received);
}
