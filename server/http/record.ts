/** GET /openings/<id>/record: any version of the opening record, whose JSON is the original (20号令 art. 62), with who has signed it. */
import * as Type from 'typebox';
import {
  type OpeningRecord,
  OpeningRecordSchema,
  type PublicRecord,
  PublicRecordSchema,
} from '../core/opening/record.ts';
import type { OpeningState, PastRecord } from '../core/opening/state.ts';
import { roleSees } from '../core/opening/visibility.ts';
import { recordRead } from './access.ts';
import { callers, isOfficial, readingRole } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { OpeningParams, RoleName, strict } from './schemas.ts';

const tags = ['openings'];
/** The forms of a record by the name of their schema. */
const SCHEMAS = { 'opening-record': OpeningRecordSchema, 'public-opening-record': PublicRecordSchema } as const;
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
/** A schema changes with the version of the server only. */
const SCHEMA_CACHE = 'public, max-age=3600';

const Query = Type.Object(
  {
    version: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,5}$', description: 'the current one when left out' })),
    form: Type.Optional(
      Type.Enum(['original', 'public'], { description: 'the original when left out, where this reader may have it' }),
    ),
    role: Type.Optional(RoleName),
  },
  strict,
);

const Answer = Type.Object({
  form: Type.Enum(['original', 'public']),
  schema: Type.String({ description: 'where the JSON schema of `record` is' }),
  version: Type.Integer(),
  isCurrent: Type.Boolean({ description: 'false: a later version has replaced this one, and its signatures are void' }),
  sha256: Type.String({ description: 'of the original’s RFC 8785 form; what bidders sign' }),
  issuedAt: Type.Integer(),
  confirmBy: Type.Integer(),
  answers: Type.Array(
    Type.Object({
      bidder: Type.Integer(),
      kind: Type.Union([Type.Enum(['signed', 'refused', 'timed_out']), Type.Null()], {
        description: 'null: not yet; timed_out: not signed, no objection raised',
      }),
      at: Type.Union([Type.Integer(), Type.Null()]),
    }),
  ),
  record: Type.Unknown(),
});

export function addRecord(app: Nouns, dependencies: Dependencies): void {
  const { recorder } = dependencies;
  app.get(
    '/openings/:openingId/record',
    {
      preParsing: callers(dependencies).may,
      schema: {
        tags,
        summary: 'The opening record, the current version or an earlier one, in the form this reader may have',
        params: OpeningParams,
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request) => {
      const { caller, query } = request;
      const { openingId } = request.params;
      const state = await recorder.stateOf(openingId);
      if (state === null) throw new ProblemError('no_such_opening');
      const version = versionOf(state, query.version === undefined ? null : Number(query.version));
      const role = await readingRole(dependencies, caller, openingId, query.role);
      const mayReadOriginal = roleSees(role, { type: 'RecordIssued', field: 'record', body: {} }, state);
      if (query.form === 'original' && !mayReadOriginal) throw new ProblemError('prices_not_public');
      const isPublicForm = !mayReadOriginal || (query.form === 'public' && !state.policy.publicPrices);
      if (caller !== null && isOfficial(role) && !isPublicForm && !state.policy.publicPrices)
        await recordRead(dependencies, { request, caller, role, openingId, what: 'record', after: version.version });
      return answerOf(version, isPublicForm);
    },
  );

  app.get(
    '/schemas/:name',
    {
      schema: {
        tags,
        summary: 'The JSON schemas of the opening record and of its public form',
        params: Type.Object({ name: Type.Enum(Object.keys(SCHEMAS) as (keyof typeof SCHEMAS)[]) }, strict),
      },
    },
    async ({ params }, reply) =>
      reply
        .header('cache-control', SCHEMA_CACHE)
        .type('application/schema+json')
        .send(JSON.stringify({ $schema: DIALECT, ...SCHEMAS[params.name] })),
  );
}

type Version = PastRecord & { readonly isCurrent: boolean };

/** Throws: ProblemError no_record_yet, no_such_record_version. */
export function versionOf({ record, pastRecords, bids }: OpeningState, asked: number | null): Version {
  if (record === null) throw new ProblemError('no_record_yet');
  if (asked === null || asked === record.version)
    return { ...record, isCurrent: true, answers: bids.map((bid) => bid.answer) };
  const past = pastRecords[asked - 1];
  if (past === undefined) throw new ProblemError('no_such_record_version');
  return { ...past, isCurrent: false };
}

function answerOf(version: Version, isPublicForm: boolean) {
  const { document, publicForm, sha256, issuedAt, confirmBy, isCurrent, answers } = version;
  const shown = isPublicForm ? publicForm : document;
  if (!shown.known) throw new Error('the recorder knows the record');
  return {
    form: isPublicForm ? ('public' as const) : ('original' as const),
    schema: `/schemas/${isPublicForm ? 'public-opening-record' : 'opening-record'}`,
    version: version.version,
    isCurrent,
    sha256,
    issuedAt,
    confirmBy,
    answers: answers.map((answer, index) => ({
      bidder: index + 1,
      kind: answer?.kind ?? null,
      at: answer?.at ?? null,
    })),
    record: shown.value as OpeningRecord | PublicRecord,
  };
}
