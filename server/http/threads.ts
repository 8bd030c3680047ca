/** POST /openings/<id>/threads/<bidder>/readings: a bidder's private thread, for an official who says why; on the access log first. */
import * as Type from 'typebox';
import { openingOrigin } from '../core/log/origin.ts';
import { ReasonText } from '../core/opening/details.ts';
import { OFFICIALS } from '../core/opening/roles.ts';
import { readThread } from '../live/thread.ts';
import { callerOf, callers, needRole, sourceOf } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { DisclosuresSchema, OpeningParams, strict } from './schemas.ts';

const Params = Type.Object(
  { ...OpeningParams.properties, bidder: Type.String({ pattern: '^[1-9][0-9]{0,4}$' }) },
  strict,
);
const Body = Type.Object({ role: Type.Enum(OFFICIALS), reason: ReasonText }, strict);
const Answer = Type.Object({ disclosures: DisclosuresSchema });

export function addThreads(app: Nouns, dependencies: Dependencies): void {
  const { hall, log, ledger, config } = dependencies;
  app.post(
    '/openings/:openingId/threads/:bidder/readings',
    {
      preParsing: callers(dependencies).must,
      schema: {
        tags: ['openings'],
        summary: 'What a bidder and the host said in private, for an official with a reason',
        description: 'The reading stands on the access log, with its reason, before the answer is given (domain §3).',
        params: Params,
        body: Body,
        response: { 200: Answer },
      },
    },
    async (request) => {
      const { openingId } = request.params;
      const { role, reason } = request.body;
      const bidder = Number(request.params.bidder);
      const room = await hall.room(openingId);
      if (room === null) throw new ProblemError('no_such_opening');
      const { account } = callerOf(request);
      await needRole(dependencies, callerOf(request), openingId, role);
      if (bidder > room.state().bids.length) throw new ProblemError('no_such_bidder');
      const origin = openingOrigin(config.platform, openingId);
      const disclosures = await readThread(log, origin, bidder, room.head().size);
      await ledger.recordAccess({
        who: { account, role, bidder, reason: reason.normalize('NFC') },
        source: sourceOf(request),
        openingId,
        what: 'thread',
        seqs: Object.keys(disclosures).map(Number),
      });
      return { disclosures };
    },
  );
}
