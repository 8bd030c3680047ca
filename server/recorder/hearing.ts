/** Hears what waits for one round, in order: each submission and each command for itself, so that one that cannot be decided spoils no other. */

import { numberOf } from '../core/opening/state.ts';
import { isQueryError } from '../store/faults.ts';
import type { WrappedWindowKey } from '../vault/window-key.ts';
import { decideMachine, decideSubmission, mark, type Round, type RoundContext } from './deciding.ts';
import { type FactSources, findFacts } from './fact-finding.ts';
import { commandKey, type FirstAnswer, repeated } from './first-answers.ts';
import { boundaryOf, isBoundary, type MachineAnswer, type MachineCommand } from './machine.ts';
import type { Known, Outcome, Submission } from './submission.ts';

/** A row of the intake; `known` is null when its bytes are no submission. */
export type Row = { readonly id: number; readonly receivedAt: number; readonly known: Known | null };

export type Hearing = {
  /** Of each row, by its id. */
  readonly outcomes: ReadonlyMap<number, Outcome>;
  /** What was decided here for the first time, to be kept for whoever asks again. */
  readonly fresh: readonly { readonly known: Known; readonly outcome: Outcome }[];
  readonly machines: readonly MachineAnswer[];
  readonly windowKeys: readonly WrappedWindowKey[];
  readonly verified: readonly { readonly bidder: number; readonly attempt: number; readonly failure: string | null }[];
};

export type Docket = {
  /** By `receivedAt`, then id. */
  readonly rows: readonly Row[];
  /** There are more rows than this round takes: no stretch of time may end yet. */
  readonly more: boolean;
  readonly commands: readonly MachineCommand[];
  readonly answered: ReadonlyMap<string, FirstAnswer>;
  /** Bid ids of these rows that stand in other openings: an id is used once on the whole platform. */
  readonly foreignBids: ReadonlySet<string>;
};

/** The id under which a submission would lodge a bid; null when it lodges none. */
export function lodgedBidId({ type, data }: Submission): string | null {
  if (type !== 'LodgeBid') return null;
  const { bidId } = data as { readonly bidId: unknown };
  return typeof bidId === 'string' ? bidId : null;
}

/**
 * Hears all of a docket, putting on `round` what comes of it.
 *
 * Throws: what the database says; every other fault is told and stays with the submission or command that it befell.
 */
export async function hear(
  round: Round,
  context: RoundContext,
  sources: FactSources,
  docket: Docket,
  onFault: (error: unknown) => void,
): Promise<Hearing> {
  const { rows, more, commands, foreignBids } = docket;
  const { at } = context;
  const outcomes = new Map<number, Outcome>();
  const answered = new Map(docket.answered);
  const fresh: { known: Known; outcome: Outcome }[] = [];
  const windowKeys: WrappedWindowKey[] = [];
  const verified: { bidder: number; attempt: number; failure: string | null }[] = [];
  const answers: (MachineAnswer | undefined)[] = commands.map(() => undefined);

  async function alone<T>(work: () => Promise<T>): Promise<T | { readonly fault: unknown }> {
    const takeBack = mark(round);
    try {
      return await work();
    } catch (fault) {
      if (isQueryError(fault)) throw fault;
      takeBack();
      onFault(fault);
      return { fault };
    }
  }

  async function decideOne(receivedAt: number, known: Known): Promise<Outcome> {
    const { submission } = known;
    if (foreignBids.has(lodgedBidId(submission) ?? '')) return { outcome: 'refused', code: 'bid_id_used' };
    const times = { at, receivedAt, undecided: 0, outageSince: null };
    const { type, data, role, who } = submission;
    const bidder = role === 'bidder' ? numberOf(round.kept.state, who.creditCode) : null;
    const asked = { type, data, bidder, creditCode: who.creditCode, account: who.account };
    const { facts, windowKey } = await findFacts(asked, round.kept, times, sources);
    const outcome = decideSubmission(round, context, known, receivedAt, facts);
    if (windowKey !== null && outcome.outcome === 'accepted') windowKeys.push(windowKey);
    return outcome;
  }

  async function decideRow({ receivedAt, known }: Row): Promise<Outcome> {
    const undecidable: Outcome = { outcome: 'refused', code: 'could_not_be_decided' };
    if (known === null) return undecidable;
    const { submission, digest } = known;
    const decided = await alone(async () => {
      const key = commandKey(submission.who.account, submission.command);
      const before = answered.get(key);
      if (before !== undefined) return repeated(before, digest);
      const outcome = await decideOne(Math.max(receivedAt, round.kept.receivedUntil), known);
      answered.set(key, { digest, outcome });
      fresh.push({ known, outcome });
      return outcome;
    });
    return 'fault' in decided ? undecidable : decided;
  }

  async function runMachine(command: MachineCommand): Promise<MachineAnswer> {
    const outageSince = command.type === 'FreezeForOutage' ? command.outageSince : null;
    const times = { at, receivedAt: at, undecided: 0, outageSince };
    return alone(async () => {
      const asked = { type: command.type, data: {}, bidder: null, creditCode: null, account: null };
      const { facts, windowKey } = await findFacts(asked, round.kept, times, sources);
      const role = 'data' in command ? 'platform' : 'clock';
      const data = 'data' in command ? command.data : {};
      const decided = decideMachine(round, context, { type: command.type, data, actor: { role } } as never, facts);
      if ('refused' in decided) return decided;
      if (windowKey !== null) windowKeys.push(windowKey);
      if (command.type === 'RecordDecryption') verified.push(command.data);
      return decided;
    });
  }

  /** Boundaries that this instant has reached are drawn before anything that was received at it or after. */
  async function drawBoundaries(receivedAt: number): Promise<void> {
    for (const [i, command] of commands.entries()) {
      const boundaryAt = boundaryOf(round.kept.state, command);
      if (answers[i] === undefined && boundaryAt !== null && boundaryAt <= receivedAt)
        answers[i] = await runMachine(command);
    }
  }

  for (const row of rows) {
    await drawBoundaries(row.receivedAt);
    outcomes.set(row.id, await decideRow(row));
  }
  for (const [i, command] of commands.entries()) {
    const waits = more && isBoundary(command);
    if (answers[i] === undefined && !waits) answers[i] = await runMachine(command);
  }
  return { outcomes, fresh, machines: answers.map((a) => a ?? 'later'), windowKeys, verified };
}
