/**
 * Keeps one opening: takes what was received in order, decides, signs, commits, and only then lets anyone know.
 *
 * The order of effects of a round, and what a crash after each line leaves:
 *  1 intake row committed (elsewhere)   the act is durable; recovery decides it by the same code
 *  2 opening row and head locked        nothing
 *  3 decided, entries made              nothing
 *  4 guard: pending is durable          a pending head nobody saw; settled at start against the database
 *  5 COMMIT                             the change; the guard promotes pending when it finds it committed
 *  6 guard: released                    readers may have it
 *  7 NOTIFY, answers                    viewers catch up by reading; callers ask again with the same id
 */

import { openingOrigin } from '../core/log/origin.ts';
import type { CommandType, DecryptionFailure } from '../core/opening/commands.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import { announce } from '../store/announce.ts';
import { type Appended, appendEntries, lockHead } from '../store/append.ts';
import { readClock } from '../store/clock.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import type { WrappedWindowKey } from '../vault/window-key.ts';
import type { World } from '../world.ts';
import { contentDigest, decideMachine, decideSubmission, newRound, type Round } from './deciding.ts';
import { findFacts, type Prepared } from './fact-finding.ts';
import { INTAKE_LOCK } from './intake.ts';
import { type KeptOpening, loadOpening } from './kept-opening.ts';
import { settleLog } from './settle-log.ts';
import type { Signer } from './signer.ts';
import type { Outcome, Submission } from './submission.ts';
import { writeRound } from './write-round.ts';

/** Submissions decided by one commit at most. */
export const ROUND_LIMIT = 256;
/** Answers kept for callers who have not asked for them yet. */
const EARLY_LIMIT = 4_096;

/** The outcome of a COMMIT is not known, or the database is away: ask again with the same command id. */
export class OutcomeUnknownError extends Error {
  readonly code = 'outcome_unknown';
}

export type MachineCommand =
  | {
      readonly type: Extract<
        CommandType,
        'OpenCheckIn' | 'Seal' | 'CloseWindow' | 'TimeOutConfirmations' | 'ArchiveOpening' | 'EndSuspension'
      >;
    }
  | { readonly type: 'FreezeForOutage'; readonly outageSince: number }
  | {
      readonly type: 'RecordDecryption';
      readonly data: { readonly bidder: number; readonly attempt: number; readonly failure: DecryptionFailure | null };
    };

export type MachineOutcome = { readonly events: readonly LoggedEvent[] } | { readonly refused: RefusalCode };

/** Commands that end a stretch of time: everything received before their boundary is decided first (log-format §4). */
const BOUNDARIES: ReadonlySet<string> = new Set(['Seal', 'CloseWindow', 'TimeOutConfirmations']);

export type KeeperDeps = {
  readonly sql: Sql;
  readonly world: World;
  readonly signer: Signer;
  readonly platform: string;
  readonly vaultKey: Uint8Array;
  prepared(openingId: string): Prepared;
  isCosigned(origin: string): boolean;
  /** Told after release, for alarms and the vault's work; a viewer hears from the store. */
  onCommitted(openingId: string, kept: KeptOpening, events: readonly LoggedEvent[]): void;
  onFault(error: unknown): void;
};

export type Keeper = {
  /** The opening as committed; null while its log has no entry. */
  kept(): Promise<KeptOpening | null>;
  /** The outcome of a row of the intake. Throws OutcomeUnknownError. */
  outcomeOf(intakeId: number): Promise<Outcome>;
  machine(command: MachineCommand): Promise<MachineOutcome>;
  /** Decides whatever waits in the intake: recovery, and what other processes received. */
  wake(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
};

type WaitingMachine = {
  readonly command: MachineCommand;
  readonly resolve: (outcome: MachineOutcome) => void;
  readonly reject: (reason: unknown) => void;
};
type WaitingCaller = { readonly resolve: (outcome: Outcome) => void; readonly reject: (reason: unknown) => void };

type Committed = {
  readonly round: Round;
  readonly appended: Appended | null;
  readonly outcomes: ReadonlyMap<number, Outcome>;
  readonly machines: readonly MachineOutcome[];
  readonly more: boolean;
};

export function createKeeper(openingId: string, deps: KeeperDeps): Keeper {
  const { sql, signer, world } = deps;
  const origin = openingOrigin(deps.platform, openingId);
  const callers = new Map<number, WaitingCaller>();
  const early = new Map<number, Outcome>();
  let machines: WaitingMachine[] = [];
  let cached: KeptOpening | null = null;
  let dirty = false;
  /** After a fault rounds are made of one submission each, so that one that cannot be decided holds nobody back. */
  let limit = ROUND_LIMIT;
  let running: Promise<void> | null = null;

  function wake(): void {
    dirty = true;
    running ??= run().finally(() => {
      running = null;
      if (dirty || machines.length > 0) wake();
    });
  }

  async function run(): Promise<void> {
    while (dirty || machines.length > 0) {
      dirty = false;
      const batch = machines;
      machines = [];
      try {
        const committed = await commitRound(batch.map((m) => m.command));
        if (committed.more) dirty = true;
        else limit = ROUND_LIMIT;
        batch.forEach((waiting, i) => {
          const outcome = committed.machines[i];
          if (outcome !== undefined) waiting.resolve(outcome);
        });
        answer(committed.outcomes);
      } catch (error) {
        fail(error, batch);
        if (isDatabaseAway(error)) return;
        if (limit === 1 && batch.length === 0) await setAside();
        limit = 1;
        dirty = true;
      }
    }
  }

  /** The oldest submission made a round of its own fail: it is answered with a refusal, loudly, and the others go on. */
  async function setAside(): Promise<void> {
    const [row] = await sql<{ id: number; content: Uint8Array }[]>`
      SELECT id, content FROM intake WHERE opening_id = ${openingId} AND NOT decided ORDER BY received_at, id LIMIT 1`;
    if (row === undefined) return;
    const outcome: Outcome = { outcome: 'refused', code: 'could_not_be_decided' };
    await sql`UPDATE intake SET decided = true WHERE id = ${row.id}`;
    answer(new Map([[row.id, outcome]]));
  }

  function answer(outcomes: ReadonlyMap<number, Outcome>): void {
    for (const [id, outcome] of outcomes) {
      const caller = callers.get(id);
      callers.delete(id);
      if (caller !== undefined) caller.resolve(outcome);
      else if (early.size < EARLY_LIMIT) early.set(id, outcome);
    }
  }

  /** Drops what is in memory: the database alone says what happened. Callers ask again; their acts stay in the intake. */
  function fail(error: unknown, batch: readonly WaitingMachine[]): void {
    cached = null;
    deps.onFault(error);
    for (const waiting of batch) waiting.reject(error);
    const unknown = new OutcomeUnknownError('the outcome is not known; ask again with the same command id', {
      cause: error,
    });
    for (const caller of callers.values()) caller.reject(unknown);
    callers.clear();
  }

  async function commitRound(commands: readonly MachineCommand[]): Promise<Committed> {
    let committed: Committed;
    try {
      committed = await sql.begin((tx) => decideRound(tx, commands));
    } catch (error) {
      // A COMMIT whose answer was lost may have happened: the guard asks the database before anything else is signed.
      await settle();
      throw error;
    }
    const { round, appended } = committed;
    if (appended !== null) {
      await signer.release(origin, appended.size, appended.root);
      await announce(sql, origin, appended.size);
    }
    cached = round.kept;
    if (round.made.length > 0 || round.acts.length > 0)
      deps.onCommitted(
        openingId,
        round.kept,
        round.made.map((m) => m.event),
      );
    return committed;
  }

  async function settle(): Promise<void> {
    const committed = await settleLog(sql, signer, origin);
    if (committed !== null) await announce(sql, origin, committed.size);
  }

  async function decideRound(tx: TransactionSql, commands: readonly MachineCommand[]): Promise<Committed> {
    await tx`SELECT 1 FROM openings WHERE id = ${openingId} FOR UPDATE`;
    const head = await lockHead(tx, origin);
    if (commands.some((c) => BOUNDARIES.has(c.type))) await tx`SELECT pg_advisory_xact_lock(${INTAKE_LOCK})`;
    const kept = cached !== null && cached.state.size === head.size ? cached : await loadOpening(tx, origin, openingId);
    if (kept === null) throw new Error(`${origin} has no genesis`);
    const at = Math.max(await readClock(tx, world), kept.state.lastAt);
    const rows = await tx<{ id: number; receivedAt: number; content: Uint8Array }[]>`
      SELECT id, received_at AS "receivedAt", content FROM intake
      WHERE opening_id = ${openingId} AND NOT decided ORDER BY received_at, id LIMIT ${limit}`;
    const more = rows.length === limit;
    const submissions = rows.map((row) => ({
      ...row,
      submission: JSON.parse(new TextDecoder().decode(row.content)) as Submission,
    }));
    const earlier = await earlierOutcomes(
      tx,
      submissions.map((s) => s.submission),
    );

    const context = { platform: deps.platform, openingId, at, randomBytes: world.randomBytes };
    const round = newRound(kept);
    const sources = {
      tx,
      vaultKey: deps.vaultKey,
      randomBytes: world.randomBytes,
      prepared: deps.prepared(openingId),
      cosigned: kept.state.quorum === 0 || deps.isCosigned(origin),
    };
    const outcomes = new Map<number, Outcome>();
    const answered = new Map<string, { digest: Uint8Array; outcome: Outcome }>(earlier);
    const fresh: { submission: Submission; outcome: Outcome }[] = [];
    const windowKeys: WrappedWindowKey[] = [];
    for (const { id, receivedAt, submission } of submissions) {
      const key = commandKey(submission);
      const digest = contentDigest(submission);
      const before = answered.get(key);
      if (before !== undefined) {
        const same = Buffer.from(before.digest).equals(digest);
        outcomes.set(id, same ? before.outcome : { outcome: 'refused', code: 'command_id_reused' });
        continue;
      }
      const times = { at, receivedAt: Math.min(receivedAt, at), undecided: 0, outageSince: null };
      if (await isForeignBidId(tx, submission)) {
        outcomes.set(id, { outcome: 'refused', code: 'bid_id_used' });
        continue;
      }
      const found = await findFacts(submission.type, round.kept, times, sources);
      const outcome = decideSubmission(round, context, submission, times.receivedAt, found.facts);
      if (found.windowKey !== null && outcome.outcome === 'accepted') windowKeys.push(found.windowKey);
      outcomes.set(id, outcome);
      answered.set(key, { digest, outcome });
      fresh.push({ submission, outcome });
    }

    const machineOutcomes: MachineOutcome[] = [];
    const verified: { bidder: number; attempt: number; failure: string | null }[] = [];
    for (const command of commands) {
      const times = {
        at,
        receivedAt: at,
        undecided: more ? 1 : 0,
        outageSince: command.type === 'FreezeForOutage' ? command.outageSince : null,
      };
      const { facts } = await findFacts(command.type, round.kept, times, sources);
      const role = command.type === 'RecordDecryption' ? 'platform' : 'clock';
      const data = command.type === 'RecordDecryption' ? command.data : {};
      const decided = decideMachine(round, context, { type: command.type, data, actor: { role } } as never, facts);
      if (command.type === 'RecordDecryption' && !('refused' in decided)) verified.push(command.data);
      machineOutcomes.push(decided);
    }

    for (const { receipt } of round.acts) receipt.text = await signer.signReceipt(receipt.payload, receipt.typ);
    const withReceipts = (outcome: Outcome): Outcome => {
      if (outcome.outcome === 'refused' || outcome.actId === null) return outcome;
      return {
        ...outcome,
        receipt: round.acts.find((a) => a.stored.id === outcome.actId)?.receipt.text ?? outcome.receipt,
      };
    };
    for (const [id, outcome] of outcomes) outcomes.set(id, withReceipts(outcome));
    const appended = round.made.length === 0 ? null : await appendEntries(tx, head, round.made, signer);
    await writeRound(tx, openingId, round, {
      decidedIds: rows.map((row) => row.id),
      commands: fresh.map(({ submission, outcome }) => ({ submission, outcome: withReceipts(outcome) })),
      windowKeys,
      verified,
    });
    return { round, appended, outcomes, machines: machineOutcomes, more };
  }

  async function earlierOutcomes(
    tx: TransactionSql,
    submissions: readonly Submission[],
  ): Promise<Map<string, { digest: Uint8Array; outcome: Outcome }>> {
    const found = new Map<string, { digest: Uint8Array; outcome: Outcome }>();
    if (submissions.length === 0) return found;
    const rows = await tx<{ actor: string; commandId: string; contentSha256: Uint8Array; outcome: string }[]>`
      SELECT actor, command_id AS "commandId", content_sha256 AS "contentSha256", outcome FROM commands
      WHERE opening_id = ${openingId} AND command_id IN ${tx(submissions.map((s) => s.command))}`;
    for (const row of rows) {
      found.set(`${row.actor}\n${row.commandId}`, {
        digest: row.contentSha256,
        outcome: JSON.parse(row.outcome) as Outcome,
      });
    }
    return found;
  }

  return {
    async kept() {
      // While a round is under way the cache may be ahead of nobody: it is only set after release.
      cached ??= await loadOpening(sql, origin, openingId);
      return cached;
    },
    outcomeOf(intakeId) {
      const outcome = early.get(intakeId);
      if (outcome !== undefined) {
        early.delete(intakeId);
        return Promise.resolve(outcome);
      }
      return new Promise((resolve, reject) => {
        callers.set(intakeId, { resolve, reject });
        wake();
      });
    },
    machine(command) {
      return new Promise((resolve, reject) => {
        machines.push({ command, resolve, reject });
        wake();
      });
    },
    wake,
    async idle() {
      while (running !== null) await running;
    },
  };
}

/** A bid id is used once on the whole platform; one of another opening must not fail the round at its insert. */
async function isForeignBidId(tx: TransactionSql, submission: Submission): Promise<boolean> {
  if (submission.type !== 'LodgeBid') return false;
  const { bidId } = submission.data as { readonly bidId: string };
  const [found] = await tx`SELECT 1 FROM envelopes WHERE id = ${bidId} AND opening_id <> ${submission.openingId}`;
  return found !== undefined;
}

/** Errors of the connection, not of what was asked: SQLSTATE classes 08, 53, 57, and the driver's own. */
function isDatabaseAway(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return /^(08|53|57)...$/.test(code) || /^(CONNECTION_|CONNECT_|ECONN|EPIPE|ENOENT|ETIMEDOUT)/.test(code);
}

function commandKey(submission: Submission): string {
  return `${submission.who.account}\n${submission.command}`;
}
