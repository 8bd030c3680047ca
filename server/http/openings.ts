/** /openings: creating one, the list, and one at a glance. */
import * as Type from 'typebox';
import type { Json } from '../core/log/canonical.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { DetailsSchema, OpeningId } from '../core/opening/details.ts';
import { PolicySchema, PROFILE_NAMES } from '../core/opening/policy.ts';
import { ASSIGNABLE } from '../core/opening/roles.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { findAccount } from '../identity/accounts.ts';
import { checkSubmittedAct } from '../identity/acts.ts';
import type { Caller } from '../identity/tokens.ts';
import type { Source } from '../recorder/submission.ts';
import { listOpenings } from '../store/openings.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import { answerOf } from './commands.ts';
import { type Dependencies, type Nouns, receiptTime } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { sendPage, wantsPage } from './pages.ts';
import { AcceptedSchema, CommandId, JwsText, OpeningParams, strict } from './schemas.ts';

const tags = ['openings'];
/** Openings in one answer. */
const PAGE_LIMIT = 100;

const Assignment = Type.Object(
  { account: Type.String({ minLength: 1, maxLength: 60 }), role: Type.Enum(ASSIGNABLE) },
  strict,
);
const Body = Type.Object(
  {
    id: CommandId,
    openingId: OpeningId,
    profile: Type.Enum(PROFILE_NAMES),
    details: DetailsSchema,
    policy: PolicySchema,
    assignments: Type.Array(Assignment, { minItems: 1, maxItems: 100 }),
    act: JwsText,
  },
  strict,
);
type Sent = Type.Static<typeof Body>;

const Query = Type.Object({ before: Type.Optional(OpeningId) }, strict);
const Listed = Type.Object({
  openingId: Type.String(),
  title: Type.String(),
  phase: Type.String(),
  deadlineAt: Type.Integer(),
  createdAt: Type.Integer(),
});

const Glance = Type.Object({
  openingId: Type.String(),
  platform: Type.String(),
  profile: Type.String(),
  rehearsal: Type.Boolean(),
  details: DetailsSchema,
  policy: PolicySchema,
  policyHash: Type.String(),
  deadlineAt: Type.Integer(),
  phase: Type.String(),
  phaseSince: Type.Integer(),
  checkInOpensAt: Type.Union([Type.Integer(), Type.Null()]),
  /** Null until the roster: for 0, 3 or 300 bids. */
  bids: Type.Union([Type.Integer(), Type.Null()]),
  window: Type.Union([
    Type.Object({ kid: Type.String(), opensAt: Type.Integer(), closesAt: Type.Integer(), isClosed: Type.Boolean() }),
    Type.Null(),
  ]),
  suspended: Type.Union([Type.Object({ cause: Type.String(), since: Type.Integer() }), Type.Null()]),
  record: Type.Union([
    Type.Object({ version: Type.Integer(), sha256: Type.String(), confirmBy: Type.Integer() }),
    Type.Null(),
  ]),
  log: Type.Object({ origin: Type.String(), vkey: Type.String(), size: Type.Integer(), checkpoint: Type.String() }),
  now: Type.Integer(),
});

export function addOpenings(app: Nouns, dependencies: Dependencies): void {
  const { sql, world, hall } = dependencies;

  app.post(
    '/openings',
    {
      preParsing: callers(dependencies).must,
      bodyLimit: dependencies.config.commandLimitBytes,
      schema: {
        tags,
        summary: 'Drafts an opening; the act signs the rest of the body as CreateOpening',
        body: Body,
        response: { 200: AcceptedSchema },
      },
    },
    async (request) => processCreation(dependencies, request.body, callerOf(request), sourceOf(request)),
  );

  app.get(
    '/openings',
    {
      schema: {
        tags,
        summary: `Published openings, the newest first, ${PAGE_LIMIT} in one answer; \`before\`: those behind this one`,
        querystring: Query,
        response: { 200: Type.Object({ openings: Type.Array(Listed), now: Type.Integer() }) },
      },
    },
    async (request, reply) => {
      const { query } = request;
      reply.header('vary', 'accept');
      if (wantsPage(request)) return sendPage(dependencies, reply, 'lobby');
      const openings = await listOpenings(sql, query.before ?? null, PAGE_LIMIT);
      if (openings === null) throw new ProblemError('no_such_opening');
      return { openings, now: world.now() };
    },
  );

  app.get(
    '/openings/:openingId',
    {
      schema: {
        tags,
        summary: 'One opening at a glance; its log says everything',
        params: OpeningParams,
        response: { 200: Glance },
      },
    },
    async (request, reply) => {
      reply.header('vary', 'accept');
      if (wantsPage(request)) return sendPage(dependencies, reply, 'opening');
      const room = await hall.room(request.params.openingId);
      if (room === null) throw new ProblemError('no_such_opening');
      return glanceAt(dependencies, room.state(), room.head());
    },
  );
}

/**
 * Drafts an opening.
 *
 * Throws: ProblemError: not_official for a creator or an assigned account that is none, account_unknown, account_disabled; what
 *         checkSubmittedAct and the recorder refuse.
 */
async function processCreation(
  dependencies: Dependencies,
  { id, openingId, act: jws, ...data }: Sent,
  caller: Caller,
  source: Source,
) {
  const { identity, recorder } = dependencies;
  for (const account of new Set([caller.account, ...data.assignments.map((assignment) => assignment.account)])) {
    const found = await findAccount(identity, account);
    if (found === undefined) throw new ProblemError('account_unknown', account);
    if (found.disabledAt !== null) throw new ProblemError('account_disabled', account);
    if (found.kind !== 'official') throw new ProblemError('not_official', account);
  }
  const command = { id, type: 'CreateOpening', data: data as Json } as const;
  const { who, act } = accepted(
    await checkSubmittedAct(identity, { caller, openingId, command, act: jws, receivedAt: receiptTime(dependencies) }),
  );
  return answerOf(await recorder.create({ command: id, openingId, ...data, data: data as Json, who, act, source }));
}

/** What stands in clear on the log, and nothing else: the same for everyone, and before the roster for any number of bids. */
function glanceAt({ config, signer, world }: Dependencies, state: OpeningState, head: { size: number; note: string }) {
  const { openingId, window, suspended, record } = state;
  const origin = openingOrigin(config.platform, openingId);
  return {
    openingId,
    platform: state.platform,
    profile: state.profile,
    rehearsal: state.profile === 'rehearsal',
    details: state.details,
    policy: state.policy,
    policyHash: state.policyHash,
    deadlineAt: state.deadlineAt,
    phase: state.phase,
    phaseSince: state.phaseSince,
    checkInOpensAt: state.checkInOpensAt,
    bids: state.bids.length === 0 ? null : state.bids.length,
    window:
      window === null
        ? null
        : { kid: window.kid, opensAt: window.opensAt, closesAt: window.closesAt, isClosed: window.closed !== null },
    suspended: suspended === null ? null : { cause: suspended.cause, since: suspended.since },
    record: record === null ? null : { version: record.version, sha256: record.sha256, confirmBy: record.confirmBy },
    log: { origin, vkey: signer.vkeyOf(origin, 'opening'), size: head.size, checkpoint: head.note },
    now: world.now(),
  };
}
