/** GET /openings/<id>/roles: as whom the caller stands in an opening; of anybody else it says nothing. */
import * as Type from 'typebox';
import { PEOPLE, type PersonRole } from '../core/opening/roles.ts';
import { assignedRoles } from '../identity/assignments.ts';
import { callerOf, callers } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { OpeningParams } from './schemas.ts';

const Answer = Type.Object({ roles: Type.Array(Type.Enum(PEOPLE)) });

export function addRoles(app: Nouns, dependencies: Dependencies): void {
  const { hall, identity } = dependencies;
  app.get(
    '/openings/:openingId/roles',
    {
      // no page lets anybody bid before it has asked this
      config: { isVital: true },
      preParsing: callers(dependencies).must,
      schema: {
        tags: ['openings'],
        summary: 'One’s own roles in an opening; bidder from the first lodged bid on',
        params: OpeningParams,
        response: { 200: Answer },
      },
    },
    async (request) => {
      const { openingId } = request.params;
      if ((await hall.room(openingId)) === null) throw new ProblemError('no_such_opening');
      const { account } = callerOf(request);
      const roles: PersonRole[] = await assignedRoles(identity, { openingId, account });
      if (await identity.isBidder(openingId, account)) roles.push('bidder');
      return { roles };
    },
  );
}
