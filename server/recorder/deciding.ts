/** One round of deciding, without effects: submissions and clock commands in, entries, register acts and answers out. */

import { toBase64Url } from '../core/log/base64.ts';
import { canonicalise } from '../core/log/canonical.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { utf8 } from '../core/log/utf8.ts';
import type { Command } from '../core/opening/commands.ts';
import { decide } from '../core/opening/decide.ts';
import type { LoggedEvent, NewEvent } from '../core/opening/events.ts';
import { evolve } from '../core/opening/evolve.ts';
import type { Facts } from '../core/opening/facts.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import {
  decideRegister,
  evolveRegister,
  isRegisterCommand,
  type RegisterCommand,
  type RegisteredAct,
} from '../core/opening/register.ts';
import type { Actor } from '../core/opening/roles.ts';
import { numberOf } from '../core/opening/state.ts';
import { sha256 } from '../hash.ts';
import { type Author, type MadeEntry, makeEntry } from './entry-making.ts';
import type { KeptOpening } from './kept-opening.ts';
import { type Receipt, receiptFor } from './receipts.ts';
import { type StoredAct, storeAct } from './register-acts.ts';
import type { Outcome, Submission } from './submission.ts';

export function digestText(text: string): string {
  return toBase64Url(sha256(utf8(text)));
}

/** What a command is, whoever sends it again: its type and data, under one id only one of these. */
export function contentDigest(submission: Pick<Submission, 'type' | 'data'>): Uint8Array {
  return sha256(utf8(canonicalise({ type: submission.type, data: submission.data })));
}

/** What a round has made so far; nothing of it is true before it is committed. */
export type Round = {
  kept: KeptOpening;
  readonly made: MadeEntry[];
  readonly acts: {
    readonly stored: StoredAct;
    readonly n: number;
    readonly receipt: Receipt;
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

export function newRound(kept: KeptOpening): Round {
  return { kept, made: [], acts: [], decryptions: [] };
}

/** Appends events to the round's draft, folding each as it will be read back. */
function append(round: Round, context: RoundContext, events: readonly NewEvent[], author: Author): number[] {
  const log = openingOrigin(context.platform, context.openingId);
  return events.map((event) => {
    const seq = round.kept.state.size;
    const made = makeEntry(log, seq, context.at, event, author, context.randomBytes);
    round.made.push(made);
    round.kept = { ...round.kept, state: evolve(round.kept.state, made.event) };
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
  submission: Submission,
  receivedAt: number,
  facts: Facts,
): Outcome {
  if (isRegisterCommand(submission.type)) return decideAct(round, context, submission, receivedAt);
  const bidder = submission.role === 'bidder' ? numberOf(round.kept.state, submission.who.creditCode) : null;
  const actor: Actor = bidder === null ? { role: submission.role } : { role: submission.role, bidder };
  const command = { type: submission.type, data: submission.data, actor } as unknown as Command;
  const author: Author = {
    role: submission.role,
    command: submission.command,
    receivedAt,
    person: { who: submission.who, source: submission.source, act: submission.act },
  };
  const decision = decide(round.kept.state, command, facts);
  if ('refused' in decision) {
    const attempt = refusedAttempt(submission.type, decision.refused);
    if (attempt !== null && bidder !== null) {
      const noted = decide(
        round.kept.state,
        { type: 'RecordRefusedAttempt', data: { bidder, attempt }, actor: { role: 'platform' } },
        facts,
      );
      // The first late try of a bidder stands on the log; its repetitions would only be noise.
      const first = round.kept.state.bids[bidder - 1]?.lateAttempts === 0;
      if ('events' in noted && first) append(round, context, noted.events, author);
    }
    return { outcome: 'refused', code: decision.refused };
  }
  const before = round.made.length;
  const seqs = append(round, context, decision.events, author);
  for (const { event } of round.made.slice(before)) {
    if (event.type === 'DecryptionReceived') round.decryptions.push({ submission, receivedAt, ...event.body });
  }
  return { outcome: 'accepted', seqs, size: round.kept.state.size, receipt: null, actId: null };
}

/** A failed try that the law wants on the log (log-format §2). */
function refusedAttempt(type: string, code: RefusalCode): 'late_decryption' | 'early_opening' | null {
  if (type !== 'DecryptBid') return null;
  if (code === 'window_is_over') return 'late_decryption';
  return code === 'window_not_open' ? 'early_opening' : null;
}

function decideAct(round: Round, context: RoundContext, submission: Submission, receivedAt: number): Outcome {
  const { state, register } = round.kept;
  const command = { type: submission.type, data: submission.data, who: submission.who } as unknown as RegisterCommand;
  const decision = decideRegister(register, state, command, { receivedAt });
  if ('refused' in decision) return { outcome: 'refused', code: decision.refused };
  if ('repeats' in decision) return { outcome: 'accepted', seqs: [], size: 0, receipt: null, actId: null };
  let last: { actId: string; receipt: Receipt } | null = null;
  for (const event of decision.events) {
    const receipt = receiptFor(event, submission, round.kept, receivedAt, context);
    const act: RegisteredAct = {
      ...event,
      who: command.who,
      receivedAt,
      receiptSha256: event.type === 'BidLodged' ? receipt.sha256 : null,
      act: submission.act,
      source: submission.source,
    };
    const stored = storeAct(act, { ...context, command: submission.command }, context.randomBytes);
    round.acts.push({ stored, n: round.kept.register.size, receipt, submission });
    round.kept = { ...round.kept, register: evolveRegister(round.kept.register, act) };
    last = { actId: stored.id, receipt };
  }
  return { outcome: 'accepted', seqs: [], size: 0, receipt: last?.receipt.text ?? null, actId: last?.actId ?? null };
}
