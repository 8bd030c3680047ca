/** Receives acts: what every process does alike before anyone decides them, and what makes an act count. */
import { LogFormatError } from '../core/log/error.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { COMMANDS, type CommandType } from '../core/opening/commands.ts';
import { isRegisterCommand } from '../core/opening/register.ts';
import { contentDigest } from './deciding.ts';
import type { HeadsShown } from './head-seen.ts';
import type { Intake } from './intake.ts';
import { type StoredSubmission, storeSubmission } from './stored-submission.ts';
import { isCommandId, type Known, type Refused, type Submission } from './submission.ts';

export type ReceptionDeps = {
  readonly platform: string;
  readonly intake: Intake;
  readonly heads: HeadsShown;
  isOpening(openingId: string): Promise<boolean>;
  /** The refusal of an act that was refused word for word a moment ago, and need not be received; null for every other. */
  refusedAgain(submission: Submission, digest: Uint8Array): Promise<Refused | null>;
  /** Whatever must be so before the act is received. */
  before(submission: Submission): Promise<void>;
  /** The act may be durable or not: it is to be looked for. */
  onUnsure(openingId: string): void;
};

/** An act that is durable: the number of its row in the intake, and what it says. */
export type ReceivedAct = { readonly id: number; readonly known: Known };

/**
 * Makes an act durable.
 *
 * Refuses: role_not_allowed, no_such_opening, details_invalid, what it was refused for a moment ago, head_seen_unknown; in this order.
 * Throws:  what the database says; then it may be durable all the same.
 */
export async function receiveAct(deps: ReceptionDeps, submission: Submission): Promise<ReceivedAct | Refused> {
  const { openingId, type } = submission;
  if (!isRegisterCommand(type) && !isPersonCommand(type)) return { outcome: 'refused', code: 'role_not_allowed' };
  if (!(await deps.isOpening(openingId))) return { outcome: 'refused', code: 'no_such_opening' };
  const encoded = encode(submission);
  if ('outcome' in encoded) return encoded;
  const again = await deps.refusedAgain(submission, encoded.digest);
  if (again !== null) return again;
  if (!(await deps.heads.wasShown(openingOrigin(deps.platform, openingId), submission.act)))
    return { outcome: 'refused', code: 'head_seen_unknown' };
  await deps.before(submission);
  try {
    const { id, loginSha256 } = await deps.intake.receive(openingId, type, encoded.stored);
    return { id, known: { submission, digest: encoded.digest, loginSha256 } };
  } catch (error) {
    // It may be durable all the same: then it is decided, whether anybody asks for it or not.
    deps.onUnsure(openingId);
    throw error;
  }
}

function isPersonCommand(type: string): type is CommandType {
  return Object.hasOwn(COMMANDS, type) && COMMANDS[type as CommandType].signedBy !== 'none';
}

/** What a submission must be to be stored at all; a refusal for anything that is not plain signed JSON under a proper id. */
function encode(submission: Submission): { readonly stored: StoredSubmission; readonly digest: Uint8Array } | Refused {
  if (!isCommandId(submission.command)) return { outcome: 'refused', code: 'details_invalid' };
  try {
    return { digest: contentDigest(submission), stored: storeSubmission(submission) };
  } catch (error) {
    if (error instanceof LogFormatError) return { outcome: 'refused', code: 'details_invalid' };
    throw error;
  }
}
