/** /problems: the table of refusals, which the `type` of each problem points into. */
import * as Type from 'typebox';
import type { Nouns } from './dependencies.ts';
import { PROBLEM_CODES, PROBLEMS, type ProblemCode, ProblemError } from './errors.ts';
import { strict } from './schemas.ts';

const tags = ['problems'];
const Row = Type.Object({ code: Type.String(), status: Type.Integer(), zh: Type.String(), en: Type.String() });
const Params = Type.Object({ code: Type.String({ pattern: '^[a-z_]{1,60}$' }) }, strict);

function rowOf(code: ProblemCode) {
  const { status, zh, en } = PROBLEMS[code];
  return { code, status, zh, en };
}

export function addProblems(app: Nouns): void {
  app.get(
    '/problems',
    { schema: { tags, summary: 'Every refusal', response: { 200: Type.Object({ problems: Type.Array(Row) }) } } },
    async () => ({ problems: PROBLEM_CODES.map(rowOf) }),
  );
  app.get(
    '/problems/:code',
    { schema: { tags, summary: 'One refusal', params: Params, response: { 200: Row } } },
    async ({ params }) => {
      const code = PROBLEM_CODES.find((known) => known === params.code);
      if (code === undefined) throw new ProblemError('no_such_address');
      return rowOf(code);
    },
  );
}
