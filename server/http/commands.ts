/** POST /openings/<id>/commands: a person's signed command, checked and handed to the recorder. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Json } from '../core/log/canonical.ts';
import { COMMANDS, type CommandType } from '../core/opening/commands.ts';
import { isRegisterCommand, REGISTER_COMMANDS, type RegisterCommandType } from '../core/opening/register.ts';
import type { PersonRole } from '../core/opening/roles.ts';
import { checkSubmittedAct } from '../identity/acts.ts';
import type { Caller } from '../identity/tokens.ts';
import type { Answer, Source } from '../recorder/submission.ts';
import { callerOf, callers, needRole, sourceOf } from './authenticate.ts';
import { type Dependencies, type Nouns, receiptTime } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { AcceptedSchema, CommandId, JwsText, OpeningParams, RoleName, strict } from './schemas.ts';

export const CommandBody = Type.Object(
  {
    id: CommandId,
    type: Type.String({ pattern: '^[A-Z][A-Za-z]{1,40}$' }),
    data: Type.Record(Type.String(), Type.Unknown(), {
      description: 'as the type of the command has it; signed by the act',
    }),
    role: RoleName,
    act: JwsText,
  },
  strict,
);

type Sent = Type.Static<typeof CommandBody>;

export function addCommands(app: Nouns, dependencies: Dependencies): void {
  app.post(
    '/openings/:openingId/commands',
    {
      preParsing: callers(dependencies).must,
      bodyLimit: dependencies.config.commandLimitBytes,
      schema: {
        tags: ['openings'],
        summary: 'A signed command, answered with its entries and their proofs',
        params: OpeningParams,
        body: CommandBody,
        response: { 200: AcceptedSchema },
      },
    },
    async (request) => {
      const { params, body } = request;
      return processCommand(dependencies, params.openingId, body, callerOf(request), sourceOf(request));
    },
  );
}

/** The answer of the recorder, or its refusal thrown as a problem. */
export function answerOf(answer: Answer): Type.Static<typeof AcceptedSchema> {
  if (answer.outcome === 'refused') throw new ProblemError(answer.code);
  const { seqs, entries, checkpoint, proofs, receipt, actId } = answer;
  return { seqs: [...seqs], entries: [...entries], checkpoint, proofs: [...proofs], receipt, actId };
}

/**
 * Checks a command and submits it.
 *
 * Throws: ProblemError: command_unknown, command_data_malformed, role_not_held, what checkSubmittedAct refuses, what the
 *         recorder refuses; in this order. ReadOnlyError, OutcomeUnknownError.
 */
export async function processCommand(
  dependencies: Dependencies,
  openingId: string,
  { id, type, data: sent, role, act: jws }: Sent,
  caller: Caller,
  source: Source,
) {
  const { identity, recorder, hall } = dependencies;
  const known = commandOf(type);
  if (!Check(known.data, sent)) throw new ProblemError('command_data_malformed');
  const data = sent as Json;
  await checkRole(dependencies, openingId, known.type, role, caller);
  const command = { id, type: known.type, data };
  const { who, act } = accepted(
    await checkSubmittedAct(identity, { caller, openingId, command, act: jws, receivedAt: receiptTime(dependencies) }),
  );
  const answer = answerOf(
    await recorder.submit({ openingId, command: id, type: known.type, data, role, who, act, source }),
  );
  // Requests are asked by the roles as they stand; a socket is where it is, and must be looked at.
  if (known.type === 'WithdrawRole' && Check(COMMANDS.WithdrawRole.data, sent)) hall.review(openingId, sent.account);
  return answer;
}

/** Lodging and decrypting have addresses of their own, because bytes or a sealed key travel with them. */
const ELSEWHERE: readonly string[] = ['LodgeBid', 'DecryptBid', 'SubmitBackup'];

function commandOf(type: string): { readonly type: CommandType | RegisterCommandType; readonly data: Type.TSchema } {
  if (ELSEWHERE.includes(type)) throw new ProblemError('command_unknown');
  if (isRegisterCommand(type)) return { type, data: REGISTER_COMMANDS[type].data };
  const isPersons = Object.hasOwn(COMMANDS, type) && COMMANDS[type as CommandType].signedBy !== 'none';
  if (!isPersons) throw new ProblemError('command_unknown');
  return { type: type as CommandType, data: COMMANDS[type as CommandType].data };
}

/** On the register anyone with a certificate acts as a bidder, for that is how one becomes one. */
async function checkRole(
  dependencies: Dependencies,
  openingId: string,
  type: CommandType | RegisterCommandType,
  role: PersonRole,
  caller: Caller,
): Promise<void> {
  if (!isRegisterCommand(type)) return needRole(dependencies, caller, openingId, role);
  if (role !== 'bidder') throw new ProblemError('role_not_allowed');
}
