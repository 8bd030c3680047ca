/** GET /access-reads: who looked at what, for those who may know: an official's own reads, and for an auditor everyone's of an opening. */
import * as Type from 'typebox';
import { accessOrigin } from '../core/log/origin.ts';
import { OpeningId } from '../core/opening/details.ts';
import { findReads } from '../ledger/access-log.ts';
import { releasedNow } from '../live/log-view.ts';
import { proofsOf } from '../store/read-log.ts';
import { recordRead } from './access.ts';
import { callerOf, callers, needRole } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { AfterText, DEFAULT_LIMIT, LimitText, strict } from './schemas.ts';

const Query = Type.Object(
  {
    opening: Type.Optional(OpeningId),
    role: Type.Optional(Type.Enum(['auditor'], { description: 'everyone’s reads of `opening`, not only one’s own' })),
    after: Type.Optional(AfterText),
    limit: Type.Optional(LimitText),
  },
  strict,
);

const Answer = Type.Object({
  reads: Type.Array(
    Type.Object({
      entry: Type.String({ description: 'exact leaf text on the access log' }),
      disclosures: Type.Array(Type.String()),
      proof: Type.String({ description: '.tlog-proof against `checkpoint`' }),
    }),
  ),
  checkpoint: Type.String({ description: 'of the access log, which /logs/access/ serves as tiles' }),
  size: Type.Integer({ description: 'entries the access log has by now' }),
});

export function addAccessReads(app: Nouns, dependencies: Dependencies): void {
  const { sql, log, config } = dependencies;
  const origin = accessOrigin(config.platform);
  app.get(
    '/access-reads',
    {
      preParsing: callers(dependencies).must,
      schema: {
        tags: ['logs'],
        summary: 'Recorded reads: one’s own; with role=auditor everyone’s of an opening',
        description:
          'Each read comes with what opens it and the proof that it stands on the access log. An auditor’s look at the reads of others is itself recorded first; one’s own show nothing that one was not shown before (domain §3).',
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request) => {
      const { opening, role, after: afterText, limit } = request.query;
      const caller = callerOf(request);
      const after = Number(afterText ?? -1);
      if (role === 'auditor') {
        if (opening === undefined) throw new ProblemError('request_malformed', 'role=auditor goes with an opening');
        await needRole(dependencies, caller, opening, role);
        await recordRead(dependencies, { request, caller, role, openingId: opening, what: 'reads', after });
      }
      const head = await releasedNow(log, origin);
      if (head === null) throw new ProblemError('no_such_log');
      const { size, note } = head;
      const found = await findReads(sql, origin, {
        account: role === 'auditor' ? null : caller.account,
        openingId: opening ?? null,
        after,
        size,
        limit: Number(limit ?? DEFAULT_LIMIT),
      });
      const seqs = found.map(({ seq }) => seq);
      const proofs = await proofsOf(sql, origin, seqs, size, note);
      const reads = found.map(({ entry, disclosures }, n) => ({
        entry,
        disclosures: [...disclosures],
        proof: proofs[n] as string,
      }));
      return { reads, checkpoint: note, size };
    },
  );
}
