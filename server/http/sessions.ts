/** /sessions: openings of several lots that share a room, and one request with an act for each of them. */
import * as Type from 'typebox';
import { OpeningId } from '../core/opening/details.ts';
import type { Caller } from '../identity/tokens.ts';
import type { Source } from '../recorder/submission.ts';
import { listSession } from '../store/openings.ts';
import { problemCodeOf } from './answer.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import { CommandBody, processCommand } from './commands.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { sendPage, wantsPage } from './pages.ts';
import { AcceptedSchema, strict } from './schemas.ts';

const tags = ['sessions'];
/** Lots of one session, and acts in one request. */
export const SESSION_LIMIT = 100;

const Params = Type.Object({ sessionId: OpeningId }, strict);
const Session = Type.Object({
  sessionId: Type.String(),
  title: Type.String({ description: 'as the first of its openings names it' }),
  openings: Type.Array(
    Type.Object({
      openingId: Type.String(),
      title: Type.String(),
      lot: Type.Object({ code: Type.String(), name: Type.String() }),
      phase: Type.String(),
      deadlineAt: Type.Integer(),
    }),
  ),
  now: Type.Integer(),
});
const Batch = Type.Object(
  {
    commands: Type.Array(Type.Object({ openingId: OpeningId, ...CommandBody.properties }, strict), {
      minItems: 1,
      maxItems: SESSION_LIMIT,
    }),
  },
  strict,
);
type Sent = Type.Static<typeof Batch>['commands'][number];
const Answered = Type.Object({
  openingId: Type.String(),
  accepted: Type.Union([AcceptedSchema, Type.Null()]),
  refused: Type.Union([Type.String(), Type.Null()], { description: 'the code, as in /problems' }),
});

export function addSessions(app: Nouns, dependencies: Dependencies): void {
  const { sql, world, recorder } = dependencies;

  app.get(
    '/sessions/:sessionId',
    { schema: { tags, summary: 'The published openings of a session', params: Params, response: { 200: Session } } },
    async (request, reply) => {
      reply.header('vary', 'accept');
      if (wantsPage(request)) return sendPage(dependencies, reply, 'session');
      const { sessionId } = request.params;
      const listed = await listSession(sql, sessionId, SESSION_LIMIT);
      const states = await Promise.all(listed.map((openingId) => recorder.stateOf(openingId)));
      const openings = states.flatMap((state) => {
        if (state === null) return [];
        const { openingId, details, phase, deadlineAt } = state;
        return [{ openingId, title: details.title, lot: details.lot, phase, deadlineAt }];
      });
      const title = states[0]?.details.session?.title;
      if (title === undefined) throw new ProblemError('no_such_session');
      return { sessionId, title, openings, now: world.now() };
    },
  );

  app.post(
    '/sessions/:sessionId/commands',
    {
      preParsing: callers(dependencies).must,
      bodyLimit: dependencies.config.commandLimitBytes,
      schema: {
        tags,
        summary: 'One signed act for each opening, each answered on its own',
        params: Params,
        body: Batch,
        response: { 200: Type.Object({ answers: Type.Array(Answered) }) },
      },
    },
    async (request) => {
      const { sessionId } = request.params;
      return processBatch(dependencies, sessionId, request.body.commands, callerOf(request), sourceOf(request));
    },
  );
}

/**
 * Submits every act for itself; what becomes of one says nothing of another.
 *
 * Throws: ProblemError no_such_session; faults of ours that have no code.
 * Why:    lots keep their own logs, so each act is signed for its own opening and decided by its own keeper. A batch spares the
 *         host of ten lots ten requests; it is no transaction over logs.
 */
async function processBatch(
  dependencies: Dependencies,
  sessionId: string,
  commands: readonly Sent[],
  caller: Caller,
  source: Source,
) {
  const members = await listSession(dependencies.sql, sessionId, SESSION_LIMIT);
  if (members.length === 0) throw new ProblemError('no_such_session');
  const answers = await Promise.all(
    commands.map(async ({ openingId, ...command }) => {
      try {
        if (!members.includes(openingId)) throw new ProblemError('not_in_this_session');
        const accepted = await processCommand(dependencies, openingId, command, caller, source);
        return { openingId, accepted, refused: null };
      } catch (error) {
        const problem = problemCodeOf(error as Error);
        if (problem === undefined || problem === null) throw error;
        return { openingId, accepted: null, refused: problem.code };
      }
    }),
  );
  return { answers };
}
