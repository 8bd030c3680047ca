/** GET /openings/<id>/entries: a stretch of the log with what this reader may see of it, exactly as the socket shows it. */
import * as Type from 'typebox';
import { recordRead } from './access.ts';
import { callers, creditCodeOf, isOfficial, readingRole } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { AfterText, DEFAULT_LIMIT, DisclosuresSchema, LimitText, OpeningParams, RoleName, strict } from './schemas.ts';

const Query = Type.Object(
  {
    after: Type.Optional(AfterText),
    limit: Type.Optional(LimitText),
    role: Type.Optional(RoleName),
  },
  strict,
);

const Answer = Type.Object({
  entries: Type.Array(Type.String(), { description: 'exact leaf texts, ending where a checkpoint stands' }),
  disclosures: DisclosuresSchema,
  checkpoint: Type.String({ description: 'over all entries up to the last of these' }),
  size: Type.Integer({ description: 'entries the log has by now' }),
});

export function addEntries(app: Nouns, dependencies: Dependencies): void {
  const { hall } = dependencies;
  app.get(
    '/openings/:openingId/entries',
    {
      preParsing: callers(dependencies).may,
      schema: {
        tags: ['openings'],
        summary: 'Entries after one, with the disclosures this reader may have',
        params: OpeningParams,
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request) => {
      const { params, query, caller } = request;
      const { openingId } = params;
      const after = Number(query.after ?? -1);
      const room = await hall.room(openingId);
      if (room === null) throw new ProblemError('no_such_opening');
      const role = await readingRole(dependencies, caller, openingId, query.role);
      if (caller !== null && isOfficial(role))
        await recordRead(dependencies, { request, caller, role, openingId, what: 'entries', after });
      const creditCode = caller === null ? null : creditCodeOf(caller.account);
      const page = await room.page({ role, creditCode }, after, Number(query.limit ?? DEFAULT_LIMIT));
      const { size, note } = room.head();
      if (page === null) return { entries: [], disclosures: {}, checkpoint: note, size };
      return {
        entries: [...page.entries],
        disclosures: page.disclosures,
        checkpoint: page.checkpoint,
        size: page.size,
      };
    },
  );
}
