/** One round of deciding, without effects: submissions and clock commands in, entries, register acts and answers out. */

import { canonicalise } from '../core/log/canonical.ts';
import { openingOrigin } from '../core/log/origin.ts';
import type { Command } from '../core/opening/commands.ts';
import { decide } from '../core/opening/decide.ts';
import type { LoggedEvent, NewEvent } from '../core/opening/events.ts';
import type { Facts } from '../core/opening/facts.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import {
  decideRegister,
  isRegisterCommand,
  noteEarlyAttempt,
  type RegisterCommand,
  type RegisterEvent,
  type RegisteredAct,
} from '../core/opening/register.ts';
import type { Actor } from '../core/opening/roles.ts';
import { numberOf } from '../core/opening/state.ts';
import { sha256OfText } from '../hash.ts';
import { type Author, type MadeEntry, makeEntry } from './entry-making.ts';
import { attemptName, type FoldedOpening, foldAct, foldEvent } from './kept-opening.ts';
import { type Receipt, receiptFor } from './receipts.ts';
import { type StoredAct, storeAct } from './register-acts.ts';
import type { Known, Outcome, Submission } from './submission.ts';

/** What a command is, whoever sends it again: its type and data, under one id only one of these. */
export function contentDigest(submission: Pick<Submission, 'type' | 'data'>): Uint8Array {
  return sha256OfText(canonicalise({ type: submission.type, data: submission.data }));
}

/** What a round has made so far; nothing of it is true before it is committed. */
export type Round = {
  /** The opening as it stands on the log. */
  readonly began: FoldedOpening;
  kept: FoldedOpening;
  readonly made: MadeEntry[];
  readonly acts: {
    readonly stored: StoredAct;
    readonly n: number;
    /** Null for what the platform notes of a refused try: nothing was done that one could get a receipt for. */
    readonly receipt: Receipt | null;
    readonly submission: Submission;
  }[];
  /** Decryptions received: which submission, as which attempt of which bidder. */
  readonly decryptions: {
    readonly submission: Submission;
    readonly bidder: number;
    readonly attempt: number;
    readonly receivedAt: number;
  }[];
};

export type RoundContext = {
  readonly platform: string;
  readonly openingId: string;
  readonly at: number;
  readonly randomBytes: (length: number) => Uint8Array;
};

export function newRound(kept: FoldedOpening): Round {
  return { began: kept, kept, made: [], acts: [], decryptions: [] };
}

/** Remembers where a round stands. Returns: what takes back all that was made since. */
export function mark(round: Round): () => void {
  const { kept } = round;
  const lengths = [round.made.length, round.acts.length, round.decryptions.length] as const;
  return () => {
    round.kept = kept;
    [round.made.length, round.acts.length, round.decryptions.length] = lengths;
  };
}

/** Appends events to the round's draft, folding each as it will be read back. */
function append(round: Round, context: RoundContext, events: readonly NewEvent[], author: Author): number[] {
  const log = openingOrigin(context.platform, context.openingId);
  return events.map((event) => {
    const seq = round.kept.state.size;
    const made = makeEntry(log, seq, context.at, event, author, context.randomBytes);
    round.made.push(made);
    round.kept = foldEvent(round.kept, made.event);
    return seq;
  });
}

/** The answer to a clock's or the platform's command. */
export function decideMachine(
  round: Round,
  context: RoundContext,
  command: Command,
  facts: Facts,
): { readonly seqs: number[]; readonly events: readonly LoggedEvent[] } | { readonly refused: RefusalCode } {
  const decision = decide(round.kept.state, command, facts);
  if ('refused' in decision) return decision;
  const author: Author = {
    role: command.actor.role,
    command: `${command.type}@${round.kept.state.size}`,
    receivedAt: null,
    person: null,
  };
  const from = round.made.length;
  const seqs = append(round, context, decision.events, author);
  return { seqs, events: round.made.slice(from).map((m) => m.event) };
}

/** The answer to a person's submission that was received at `receivedAt`. */
export function decideSubmission(
  round: Round,
  context: RoundContext,
  { submission, loginSha256 }: Pick<Known, 'submission' | 'loginSha256'>,
  receivedAt: number,
  facts: Facts,
): Outcome {
  if (isRegisterCommand(submission.type)) {
    if (submission.role !== 'bidder') return { outcome: 'refused', code: 'role_not_allowed' };
    return decideAct(round, context, submission, receivedAt);
  }
  const bidder = submission.role === 'bidder' ? numberOf(round.kept.state, submission.who.creditCode) : null;
  const actor: Actor = bidder === null ? { role: submission.role } : { role: submission.role, bidder };
  const command = { type: submission.type, data: submission.data, actor } as unknown as Command;
  const author: Author = {
    role: submission.role,
    command: submission.command,
    receivedAt,
    person: { who: submission.who, source: submission.source, act: submission.act, loginSha256 },
  };
  const decision = decide(round.kept.state, command, facts);
  if ('refused' in decision) {
    noteRefusedAttempt(round, context, submission, { bidder, author, receivedAt, facts, code: decision.refused });
    return { outcome: 'refused', code: decision.refused };
  }
  const before = round.made.length;
  const seqs = append(round, context, decision.events, author);
  for (const { event } of round.made.slice(before)) {
    if (event.type === 'DecryptionReceived' || event.type === 'BackupReceived')
      round.decryptions.push({ submission, receivedAt, ...event.body });
  }
  return { outcome: 'accepted', seqs, size: round.kept.state.size, receipt: null, actId: null };
}

type Refusal = {
  readonly bidder: number | null;
  readonly author: Author;
  readonly receivedAt: number;
  readonly facts: Facts;
  readonly code: RefusalCode;
};

/** The first try of its kind of each bidder is kept; its repetitions would only be noise. Before the roster: on the register. */
function noteRefusedAttempt(round: Round, context: RoundContext, submission: Submission, refusal: Refusal): void {
  const { bidder, author, receivedAt, facts, code } = refusal;
  const attempt = refusedAttempt(submission.type, code);
  if (attempt === null) return;
  const { state, register, attempts } = round.kept;
  if (bidder === null) {
    if (submission.role !== 'bidder' || attempt !== 'early_opening' || state.roster.known) return;
    for (const event of noteEarlyAttempt(register, submission.who.creditCode))
      addAct(round, context, submission, { event, receivedAt, receipt: null });
    return;
  }
  if (attempts.has(attemptName({ bidder, attempt }))) return;
  const note = { type: 'RecordRefusedAttempt', data: { bidder, attempt }, actor: { role: 'platform' } } as const;
  const noted = decide(state, note, facts);
  if ('events' in noted) append(round, context, noted.events, author);
}

/** A failed try that the law wants on the log (log-format §2). */
function refusedAttempt(type: string, code: RefusalCode): 'late_decryption' | 'early_opening' | null {
  if (type !== 'DecryptBid') return null;
  if (code === 'window_is_over') return 'late_decryption';
  return code === 'window_not_open' ? 'early_opening' : null;
}

function decideAct(round: Round, context: RoundContext, submission: Submission, receivedAt: number): Outcome {
  const { state, register, checkIns } = round.kept;
  const command = { type: submission.type, data: submission.data, who: submission.who } as unknown as RegisterCommand;
  const decision = decideRegister(register, state, command, { receivedAt });
  if ('refused' in decision) return { outcome: 'refused', code: decision.refused };
  // Done before, by whomever of the company: the receipt of that time is given again, see `receiptOf` in the keeper.
  let actId = 'repeats' in decision ? (checkIns.get(submission.who.creditCode)?.actId ?? null) : null;
  for (const event of 'repeats' in decision ? [] : decision.events) {
    const receipt = receiptFor(event, submission, round.kept, receivedAt, context);
    actId = addAct(round, context, submission, { event, receivedAt, receipt });
  }
  return { outcome: 'accepted', seqs: [], size: 0, receipt: null, actId };
}

/** Puts an event on the round's draft of the register. Returns: the act's id. */
function addAct(
  round: Round,
  context: RoundContext,
  submission: Submission,
  about: { readonly event: RegisterEvent; readonly receivedAt: number; readonly receipt: Receipt | null },
): string {
  const { event, receivedAt, receipt } = about;
  const act: RegisteredAct = {
    ...event,
    who: submission.who,
    receivedAt,
    receiptSha256: event.type === 'BidLodged' ? (receipt?.sha256 ?? null) : null,
    act: submission.act,
    source: submission.source,
  };
  const { command } = submission;
  const stored = storeAct(act, { ...context, command }, context.randomBytes);
  round.acts.push({ stored, n: round.kept.register.size, receipt, submission });
  round.kept = foldAct(round.kept, { ...act, id: stored.id, command });
  return stored.id;
}
