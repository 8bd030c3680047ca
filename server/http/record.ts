/** GET /openings/<id>/record: the current version of the opening record, whose JSON is the original (20号令 art. 62). */
import * as Type from 'typebox';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { OpeningParams } from './schemas.ts';

const Answer = Type.Object({
  version: Type.Integer(),
  sha256: Type.String({ description: 'of the record’s RFC 8785 form; what bidders sign' }),
  issuedAt: Type.Integer(),
  confirmBy: Type.Integer(),
  record: Type.Unknown(),
});

export function addRecord(app: Nouns, { recorder }: Dependencies): void {
  app.get(
    '/openings/:openingId/record',
    {
      schema: {
        tags: ['openings'],
        summary: 'The opening record as last issued',
        params: OpeningParams,
        response: { 200: Answer },
      },
    },
    async ({ params }) => {
      const state = await recorder.stateOf(params.openingId);
      if (state === null) throw new ProblemError('no_such_opening');
      const { record } = state;
      if (record === null || !record.document.known) throw new ProblemError('no_record_yet');
      const { version, sha256, issuedAt, confirmBy, document } = record;
      return { version, sha256, issuedAt, confirmBy, record: document.value };
    },
  );
}
