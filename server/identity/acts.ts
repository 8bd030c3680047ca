/** Whether a submitted command was really signed by the one in whose name it comes, with the key that such an act needs. */

import {
  type CheckedAct,
  checkAct,
  type PersonAct,
  STATEMENT_COMMANDS,
  type VerifyJwsSignature,
} from '../core/log/act.ts';
import type { Json } from '../core/log/canonical.ts';
import type { CheckLogin } from '../core/log/known-logins.ts';
import { COMMANDS, type CommandType } from '../core/opening/commands.ts';
import { REGISTER_COMMANDS, type RegisterCommandType } from '../core/opening/register.ts';
import type { Judged } from '../core/pki/judge.ts';
import { lastBefore } from '../core/pki/judgement.ts';
import { TRUST_ACTS } from '../core/pki/trust-store.ts';
import { sha256 } from '../hash.ts';
import type { Db } from './database.ts';
import { isLiving } from './login.ts';
import { wasUsedBefore } from './open-bids.ts';
import type { ReadSession } from './read-sessions.ts';
import { type Outcome, refuse } from './refusals.ts';
import type { Caller } from './tokens.ts';
import type { Trust } from './trust.ts';

/** How far the time a person's client wrote into an act may lie from its receipt: it is a claim, the receipt is the fact. */
export const ACT_AGE_LIMIT_MS = 10 * 60_000;

/** What is signed like a command although no table of an opening has it: its creation, and the acts of an operator. */
export const FURTHER_ACTS = [
  'CreateOpening',
  'LetIn',
  'DisableAccount',
  'EnableAccount',
  'AddCrl',
  ...TRUST_ACTS,
] as const;

export type SignedCommandType = CommandType | RegisterCommandType | (typeof FURTHER_ACTS)[number];

/** Whose key each command needs: `certificate` is step-up, `none` is a machine's, which nobody may submit. */
export const SIGNED_BY: Readonly<Record<SignedCommandType, 'session' | 'certificate' | 'none'>> = Object.fromEntries([
  ...Object.entries({ ...COMMANDS, ...REGISTER_COMMANDS }).map(([type, { signedBy }]) => [type, signedBy]),
  ...FURTHER_ACTS.map((type) => [type, 'session']),
  ...TRUST_ACTS.map((type) => [type, 'certificate']),
]) as Record<SignedCommandType, 'session' | 'certificate' | 'none'>;

/** What is taken of a person of whose certificate it cannot be determined whether it was revoked. */
const PASSES_UNDETERMINED: readonly SignedCommandType[] = ['AddCrl', 'DecryptBid', 'SubmitBackup', ...TRUST_ACTS];

/**
 * What is received whatever has become of the certificate since, as long as it is its bidder's.
 *
 * Why: a bid that came in time is opened (招投标法36; 20号令 art. 54(5)), and neither a list that its CA does not bring nor the end of
 *      that CA since the deadline is a fault of its bidder's.
 */
const OPENS_A_BID: readonly SignedCommandType[] = ['DecryptBid', 'SubmitBackup'];

export type ActDependencies = {
  readonly db: Db;
  readonly config: { readonly platform: string };
  readonly trust: Trust;
  readonly verifySignature: VerifyJwsSignature;
  readonly checkLogin: CheckLogin;
  readonly readSession: ReadSession;
};

/** The withheld field `who` of a person's event. */
export type Who = {
  readonly account: string;
  readonly name: string;
  readonly creditCode: string;
  readonly certSha256: string;
  /** Digest of what the certificate was judged by at that instant (evidence.ts). */
  readonly judgement: string;
};

export type AcceptedAct = {
  readonly who: Who;
  /** The withheld field `act`: complete, with the login when a session key signed. */
  readonly act: PersonAct;
  readonly checked: CheckedAct;
  /** Of the certificate; otherwise than good only where the act lets that pass. */
  readonly outcome: Judged;
  readonly lapsedAt: number | null;
};

type Submitted = {
  readonly openingId: string;
  readonly command: { readonly id: string; readonly type: SignedCommandType; readonly data: Json };
  /** Compact JWS; for lodging and decrypting the statement itself. */
  readonly act: string;
  /** Instant of durable receipt, ms. */
  readonly receivedAt: number;
  /** OCSP responses stapled to it, DER. */
  readonly ocsp?: readonly Uint8Array[];
  /** The opening's deadline, ms, of what opens a bid: see OPENS_A_BID. */
  readonly deadlineAt?: number;
};

/**
 * Checks the act of a caller's command.
 *
 * Shape:   the login of a session-signed act is added here from the session, so clients need not send it.
 * Refuses: session_ended, act_of_other_account, and what checkPersonAct refuses.
 */
export async function checkSubmittedAct(
  dependencies: ActDependencies,
  { caller, ...submitted }: Submitted & { readonly caller: Caller },
): Promise<Outcome<AcceptedAct>> {
  const session = await dependencies.readSession(caller.sessionId);
  if (session === undefined || !isLiving(session, submitted.receivedAt)) return refuse('session_ended');
  const accepted = await checkPersonAct(dependencies, submitted, session.login);
  if ('refused' in accepted) return accepted;
  return accepted.who.account === caller.account ? accepted : refuse('act_of_other_account');
}

/**
 * Checks a statement whoever delivers it: a bidder who is cut off may send a decryption through anybody.
 *
 * Refuses: what checkPersonAct refuses.
 * Source:  seal-format §3 (4); 20号令 art. 30, 54(5).
 */
export async function checkDeliveredStatement(
  dependencies: ActDependencies,
  submitted: Omit<Submitted, 'command'> & { readonly type: 'LodgeBid' | 'DecryptBid' | 'SubmitBackup' },
): Promise<Outcome<AcceptedAct>> {
  const { type, ...rest } = submitted;
  return checkPersonAct(dependencies, { ...rest, command: { id: '', type, data: null } }, undefined);
}

/**
 * Checks signature, binding, key and certificate.
 *
 * Refuses: the codes of core/log/act.ts; step_up_required; act_out_of_time; the certificate_… codes, asked for the
 *          instant of receipt; certificate_of_other_account — in this order.
 */
async function checkPersonAct(
  { db, config, trust, verifySignature, checkLogin }: ActDependencies,
  { openingId, command, act, receivedAt, ocsp, deadlineAt }: Submitted,
  login: string | undefined,
): Promise<Outcome<AcceptedAct>> {
  const { id, type, data } = command;
  const isStatement = Object.values<string>(STATEMENT_COMMANDS).includes(type);
  const isStepUp = SIGNED_BY[type] === 'certificate';
  const person: PersonAct = {
    act,
    ...(isStatement ? {} : { data }),
    ...(isStepUp || login === undefined ? {} : { login }),
  };
  const expected = { platform: config.platform, openingId, command: id, types: [type] };
  const checked = await checkAct(person, expected, verifySignature, sha256, checkLogin);
  // No login was added to an act that the certificate must sign: its absence means that a session key signed it.
  if (!checked.ok) return refuse(isStepUp && checked.reason === 'login_missing' ? 'step_up_required' : checked.reason);
  // A statement may lie ready for long; its own terms (deadline, challenge) date it.
  if (!isStatement && Math.abs(checked.iat * 1000 - receivedAt) > ACT_AGE_LIMIT_MS) return refuse('act_out_of_time');
  const trusted = await trust.check({
    certificates: checked.certificates,
    purpose: 'sign',
    at: receivedAt,
    ...(ocsp && { ocsp }),
    // The list that would tell of the operator's own certificate may be the one that he brings, and the CA that gives none any
    // more the one that two of them end: nobody else could.
    undetermined: PASSES_UNDETERMINED.includes(type) ? 'pass' : 'refuse',
    // What it comes to is judged by who knows the deadline, and stands on the log.
    lapsed: OPENS_A_BID.includes(type) ? 'pass' : 'refuse',
    ...(deadlineAt !== undefined && { asOf: lastBefore(deadlineAt) }),
  });
  if ('refused' in trusted) return trusted;
  const { account, name, creditCode } = trusted.subject;
  if (account !== checked.account) return refuse('certificate_of_other_account');
  const { outcome, lapsedAt, judgement, certSha256 } = trusted;
  if (outcome === 'ended') {
    const isOurs =
      deadlineAt !== undefined && (await wasUsedBefore(db, { account, certSha256, openingId, deadlineAt }));
    if (!isOurs) return refuse('certificate_not_trusted', 'not used before the deadline');
  }
  const who = { account, name, creditCode, certSha256: checked.certSha256, judgement };
  return { ok: true, who, act: person, checked, outcome, lapsedAt };
}
