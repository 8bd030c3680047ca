/**
 * Keeps one opening: takes what was received in order, decides, signs, commits, and only then lets anyone know.
 *
 * The order of effects of a round, and what a crash after each line leaves:
 *  1 intake row committed (elsewhere)   the act is durable; recovery decides it by the same code
 *  2 opening row and head locked        nothing
 *  3 decided, entries made              nothing
 *  4 guard: pending is durable          a pending head nobody saw; settled against the database
 *  5 COMMIT                             the change; whoever settles promotes pending when he finds it committed
 *  6 guard: released                    readers may have it
 *  7 NOTIFY, answers                    viewers catch up by reading; callers ask again with the same id
 * A fault after 3 does what a crash does: memory is dropped, callers are told that they must ask again, and before the next
 * round guard and database are settled. The keeper comes back by itself: what is in the intake is decided, whoever waits for it.
 */

import { openingOrigin } from '../core/log/origin.ts';
import { nextAlarm } from '../core/opening/alarms.ts';
import type { CommandType, DecryptionFailure } from '../core/opening/commands.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { announce } from '../store/announce.ts';
import { type Appended, appendEntries, lockHead } from '../store/append.ts';
import { readClock } from '../store/clock.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import { isQueryError, isValueRefused } from '../store/faults.ts';
import type { WrappedWindowKey } from '../vault/window-key.ts';
import type { World } from '../world.ts';
import {
  contentDigest,
  decideMachine,
  decideSubmission,
  mark,
  newRound,
  type Round,
  type RoundContext,
} from './deciding.ts';
import { type FactSources, findFacts, type Prepared } from './fact-finding.ts';
import { OutcomeUnknownError } from './faults.ts';
import { INTAKE_LOCK } from './intake.ts';
import { type FoldedOpening, type KeptOpening, loadOpening } from './kept-opening.ts';
import { settleLog } from './settle-log.ts';
import type { Signer } from './signer.ts';
import type { Outcome, Submission } from './submission.ts';
import { writeRound } from './write-round.ts';

/** Submissions decided by one commit at most. */
export const ROUND_LIMIT = 256;
/** How soon a keeper tries again after a fault; doubled each time, up to the second figure. */
const RETRY_MS = 100;
const RETRY_LIMIT_MS = 2_000;

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
  /** Files of envelopes that were decided and that no bid names: refused, or lodged before under the same id. */
  onUnused(files: readonly string[]): void;
  onFault(error: unknown): void;
};

export type Keeper = {
  /** The opening as committed; null while its log has no entry. */
  kept(): Promise<KeptOpening | null>;
  /** The outcome of a row of the intake, which holds this submission. Throws OutcomeUnknownError. */
  outcomeOf(intakeId: number, submission: Submission): Promise<Outcome>;
  /** Throws what the round throws; then nothing is known, and the clock asks again. */
  machine(command: MachineCommand): Promise<MachineOutcome>;
  /** Decides whatever waits in the intake: recovery, and what other processes received. */
  wake(): void;
  /** The same in a while: something may be in the intake that nobody could be told of. */
  wakeLater(): void;
  /** Resolves when nothing is under way; after a fault a try may still be to come. */
  idle(): Promise<void>;
  /** No round begins any more; resolves when the last one has ended. What was not decided stays in the intake. */
  stop(): Promise<void>;
};

type WaitingMachine = {
  readonly command: MachineCommand;
  readonly resolve: (outcome: MachineOutcome) => void;
  readonly reject: (reason: unknown) => void;
};
type WaitingCaller = {
  readonly submission: Submission;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
};

/** `later`: not asked, since acts from before its boundary still wait. */
type MachineAnswer = MachineOutcome | { readonly fault: unknown } | 'later';

type Committed = {
  readonly round: Round;
  readonly appended: Appended | null;
  readonly outcomes: ReadonlyMap<number, Outcome>;
  readonly machines: readonly MachineAnswer[];
  readonly unused: readonly string[];
  readonly more: boolean;
};

type Row = { readonly id: number; readonly receivedAt: number; readonly content: Uint8Array };
type Answered = { readonly digest: Uint8Array; readonly outcome: Outcome };

export function createKeeper(openingId: string, deps: KeeperDeps): Keeper {
  const { sql, signer, world } = deps;
  const origin = openingOrigin(deps.platform, openingId);
  const callers = new Map<number, WaitingCaller>();
  let machines: WaitingMachine[] = [];
  let cached: FoldedOpening | null = null;
  let dirty = false;
  /** After a value that the database refused, rounds are of one submission each, so that it holds nobody else back. */
  let limit = ROUND_LIMIT;
  let running: Promise<void> | null = null;
  /** Database and guard may disagree, or viewers may not have been told. */
  let unsettled = false;
  /** The oldest row of the round under way; and a row that made a round of its own fail. */
  let tried: number | null = null;
  let suspect: number | null = null;
  let faultsInRow = 0;
  let cancelRetry: (() => void) | null = null;
  let stopped = false;

  function wake(): void {
    dirty = true;
    if (stopped) return;
    running ??= run().finally(() => {
      running = null;
      if (dirty || machines.length > 0) wake();
    });
  }

  /** Never rejects: every fault is told, and tried again later. */
  async function run(): Promise<void> {
    while (!stopped && (dirty || machines.length > 0)) {
      dirty = false;
      // Submissions that go one by one go alone: a fault then has one cause.
      const batch = limit === 1 ? [] : machines;
      if (limit > 1) machines = [];
      const asked = [...callers];
      try {
        await runRound(batch, asked);
        faultsInRow = 0;
      } catch (error) {
        faultsInRow += 1;
        cached = null;
        unsettled = true;
        deps.onFault(error);
        if (!isValueRefused(error)) {
          fail(error, batch);
          retryLater();
          return;
        }
        isolate(batch);
        dirty = true;
      }
    }
  }

  async function runRound(
    batch: readonly WaitingMachine[],
    asked: readonly (readonly [number, WaitingCaller])[],
  ): Promise<void> {
    tried = null;
    if (unsettled) await settle();
    if (suspect !== null) await setAside(suspect);
    const committed = await commitRound(batch.map((m) => m.command));
    if (committed.more) dirty = true;
    else limit = ROUND_LIMIT;
    machines = [...batch.filter((_waiting, i) => committed.machines[i] === 'later'), ...machines];
    batch.forEach(({ resolve, reject }, i) => {
      const answer = committed.machines[i];
      if (answer === undefined || answer === 'later') return;
      if ('fault' in answer) reject(answer.fault);
      else resolve(answer);
    });
    for (const [id, outcome] of committed.outcomes) answer(id, outcome);
    if (committed.more) return;
    // Who asked before this round and is in none of its rows was decided before he asked.
    for (const [id, { submission }] of asked) {
      if (!callers.has(id)) continue;
      const outcome = await decidedOutcome(id, submission);
      if (outcome === null) dirty = true;
      else answer(id, outcome);
    }
  }

  function answer(id: number, outcome: Outcome): void {
    callers.get(id)?.resolve(outcome);
    callers.delete(id);
  }

  /** The database alone says what happened. Callers ask again; their acts stay in the intake. */
  function fail(error: unknown, batch: readonly WaitingMachine[]): void {
    for (const waiting of batch) waiting.reject(error);
    for (const caller of callers.values()) caller.reject(new OutcomeUnknownError(error));
    callers.clear();
  }

  /** A value that the database does not take: surely nothing was committed, so everyone waits until it is found whose it is. */
  function isolate(batch: readonly WaitingMachine[]): void {
    if (limit === 1) suspect = tried;
    else if (tried === null)
      for (const { reject } of batch) reject(new Error('the database refuses what the clock would write'));
    else machines = [...batch, ...machines];
    limit = 1;
  }

  function retryLater(): void {
    cancelRetry?.();
    cancelRetry = world.after(Math.min(RETRY_MS * 2 ** faultsInRow, RETRY_LIMIT_MS), wake);
  }

  /**
   * This submission alone made a round fail at the database: it counts as refused, and the others go on.
   *
   * Why: no answer is kept under its command id, so that it may be sent again when the fault is mended.
   */
  async function setAside(id: number): Promise<void> {
    await sql`UPDATE intake SET decided = true WHERE id = ${id} AND NOT decided`;
    suspect = null;
    answer(id, { outcome: 'refused', code: 'could_not_be_decided' });
  }

  /** The outcome of a row that an earlier round, or another process, has decided; null while it is not decided. */
  async function decidedOutcome(id: number, submission: Submission): Promise<Outcome | null> {
    const [row] = await sql<{ decided: boolean; contentSha256: Uint8Array | null; outcome: string | null }[]>`
      SELECT i.decided, c.content_sha256 AS "contentSha256", c.outcome FROM intake i
      LEFT JOIN commands c ON c.opening_id = i.opening_id AND c.actor = ${submission.who.account} AND c.command_id = ${submission.command}
      WHERE i.id = ${id}`;
    if (row === undefined) throw new Error(`row ${id} of the intake is gone`);
    if (!row.decided) return null;
    if (row.contentSha256 === null || row.outcome === null) return { outcome: 'refused', code: 'could_not_be_decided' };
    const before = { digest: row.contentSha256, outcome: JSON.parse(row.outcome) as Outcome };
    return repeated(before, contentDigest(submission));
  }

  async function commitRound(commands: readonly MachineCommand[]): Promise<Committed> {
    const committed = await sql.begin((tx) => decideRound(tx, commands));
    const { round, appended, unused } = committed;
    if (appended !== null) await signer.release(origin, appended.size, appended.root);
    cached = round.kept;
    // What follows is for others; that it fails must not make an act that is committed look uncertain.
    if (appended !== null) await contained(() => announce(sql, origin, appended.size));
    if (round.made.length > 0 || round.acts.length > 0) {
      const events = round.made.map((m) => m.event);
      await contained(() => deps.onCommitted(openingId, round.kept, events));
    }
    if (unused.length > 0) await contained(() => deps.onUnused(unused));
    return committed;
  }

  async function contained(work: () => Promise<void> | void): Promise<void> {
    try {
      await work();
    } catch (error) {
      deps.onFault(error);
      unsettled = true;
      retryLater();
    }
  }

  async function settle(): Promise<void> {
    const committed = await settleLog(sql, signer, origin);
    if (committed !== null) await announce(sql, origin, committed.size);
    unsettled = false;
  }

  async function decideRound(tx: TransactionSql, commands: readonly MachineCommand[]): Promise<Committed> {
    await tx`SELECT 1 FROM openings WHERE id = ${openingId} FOR UPDATE`;
    const head = await lockHead(tx, origin);
    if (commands.some((c) => BOUNDARIES.has(c.type))) await tx`SELECT pg_advisory_xact_lock(${INTAKE_LOCK})`;
    const { rows, registerSize } = await readWaiting(tx);
    tried = rows[0]?.id ?? null;
    const isCurrent = cached?.state.size === head.size && cached.register.size === registerSize;
    const kept = isCurrent ? cached : await loadOpening(tx, origin, openingId);
    if (kept === null) throw new Error(`${origin} has no genesis`);
    // The clock may have been set back, and rows may have come in since it was read: time goes back nowhere on a log.
    const at = Math.max(
      await readClock(tx, world),
      kept.state.lastAt,
      kept.receivedUntil,
      ...rows.map((r) => r.receivedAt),
    );
    const round = newRound(kept);
    const desk = createDesk(tx, round, at, commands, rows.length === limit);
    await desk.decideAll(rows);
    const { outcomes, fresh, windowKeys, verified } = desk;

    for (const { receipt } of round.acts)
      if (receipt !== null) receipt.text = await signer.signReceipt(receipt.payload, receipt.typ);
    const withReceipts = new Map<Outcome, Outcome>();
    for (const outcome of outcomes.values())
      if (!withReceipts.has(outcome)) withReceipts.set(outcome, await withReceipt(tx, round, outcome));
    const finished = (outcome: Outcome): Outcome => withReceipts.get(outcome) ?? outcome;
    const appended = round.made.length === 0 ? null : await appendEntries(tx, head, round.made, signer);
    await writeRound(tx, openingId, round, {
      decidedIds: rows.map((row) => row.id),
      commands: fresh.map(({ submission, outcome }) => ({ submission, outcome: finished(outcome) })),
      windowKeys,
      verified,
    });
    const answers = new Map([...outcomes].map(([id, outcome]) => [id, finished(outcome)]));
    const unused = await unusedFiles(tx, desk.submissions);
    return { round, appended, outcomes: answers, machines: desk.machines, unused, more: desk.more };
  }

  /** What waits, oldest first, and how many acts the register has: in one statement, after the locks. */
  async function readWaiting(tx: TransactionSql): Promise<{ rows: Row[]; registerSize: number }> {
    const found = await tx<{ registerSize: number; id: number | null; receivedAt: number; content: Uint8Array }[]>`
      SELECT r.size AS "registerSize", i.id, i.received_at AS "receivedAt", i.content
      FROM (SELECT coalesce(max(n) + 1, 0) AS size FROM register_acts WHERE opening_id = ${openingId}) r
      LEFT JOIN (SELECT id, received_at, content FROM intake WHERE opening_id = ${openingId} AND NOT decided
                 ORDER BY received_at, id LIMIT ${limit}) i ON true
      ORDER BY i.received_at, i.id`;
    const rows = found.flatMap(({ id, receivedAt, content }) => (id === null ? [] : [{ id, receivedAt, content }]));
    return { rows, registerSize: found[0]?.registerSize ?? 0 };
  }

  /** One round's deciding: each submission and each command for itself, so that one that cannot be decided spoils no other. */
  function createDesk(
    tx: TransactionSql,
    round: Round,
    at: number,
    commands: readonly MachineCommand[],
    more: boolean,
  ) {
    const context: RoundContext = { platform: deps.platform, openingId, at, randomBytes: world.randomBytes };
    const sources: FactSources = {
      tx,
      vaultKey: deps.vaultKey,
      randomBytes: world.randomBytes,
      prepared: deps.prepared(openingId),
      cosigned: round.kept.state.quorum === 0 || deps.isCosigned(origin),
    };
    const outcomes = new Map<number, Outcome>();
    const answered = new Map<string, Answered>();
    const submissions: Submission[] = [];
    const fresh: { submission: Submission; outcome: Outcome }[] = [];
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
        deps.onFault(fault);
        return { fault };
      }
    }

    function read(row: Row): Submission | null {
      try {
        return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(row.content)) as Submission;
      } catch (fault) {
        deps.onFault(fault);
        return null;
      }
    }

    async function decideOne(row: Row, submission: Submission): Promise<Outcome> {
      const receivedAt = Math.max(row.receivedAt, round.kept.receivedUntil);
      if (await isForeignBidId(tx, submission)) return { outcome: 'refused', code: 'bid_id_used' };
      const times = { at, receivedAt, undecided: 0, outageSince: null };
      const { creditCode } = submission.who;
      const { facts, windowKey } = await findFacts(submission.type, round.kept, times, sources, creditCode);
      const outcome = decideSubmission(round, context, submission, receivedAt, facts);
      if (windowKey !== null && outcome.outcome === 'accepted') windowKeys.push(windowKey);
      return outcome;
    }

    async function decideRow(row: Row, submission: Submission | null): Promise<Outcome> {
      const undecidable: Outcome = { outcome: 'refused', code: 'could_not_be_decided' };
      if (submission === null) return undecidable;
      const decided = await alone(async () => {
        const digest = contentDigest(submission);
        const before = answered.get(commandKey(submission));
        if (before !== undefined) return repeated(before, digest);
        const outcome = await decideOne(row, submission);
        answered.set(commandKey(submission), { digest, outcome });
        fresh.push({ submission, outcome });
        return outcome;
      });
      return 'fault' in decided ? undecidable : decided;
    }

    async function runMachine(command: MachineCommand): Promise<MachineAnswer> {
      const outageSince = command.type === 'FreezeForOutage' ? command.outageSince : null;
      const times = { at, receivedAt: at, undecided: 0, outageSince };
      return alone(async () => {
        const { facts } = await findFacts(command.type, round.kept, times, sources, null);
        const role = command.type === 'RecordDecryption' ? 'platform' : 'clock';
        const data = command.type === 'RecordDecryption' ? command.data : {};
        const decided = decideMachine(round, context, { type: command.type, data, actor: { role } } as never, facts);
        if (command.type === 'RecordDecryption' && !('refused' in decided)) verified.push(command.data);
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

    return {
      outcomes,
      submissions,
      fresh,
      windowKeys,
      verified,
      more,
      get machines(): readonly MachineAnswer[] {
        return answers.map((a) => a ?? 'later');
      },
      async decideAll(rows: readonly Row[]): Promise<void> {
        const waiting = rows.map((row) => ({ row, submission: read(row) }));
        for (const { submission } of waiting) if (submission !== null) submissions.push(submission);
        for (const [key, before] of await earlierOutcomes(tx, submissions)) answered.set(key, before);
        for (const { row, submission } of waiting) {
          await drawBoundaries(row.receivedAt);
          outcomes.set(row.id, await decideRow(row, submission));
        }
        for (const [i, command] of commands.entries()) {
          const waits = more && (BOUNDARIES.has(command.type) || command.type === 'FreezeForOutage');
          if (answers[i] === undefined && !waits) answers[i] = await runMachine(command);
        }
      },
    };
  }

  /** The receipt that goes with an outcome: signed in this round, or given when the same was done before. */
  async function withReceipt(tx: TransactionSql, round: Round, outcome: Outcome): Promise<Outcome> {
    if (outcome.outcome === 'refused' || outcome.actId === null || outcome.receipt !== null) return outcome;
    const made = round.acts.find((a) => a.stored.id === outcome.actId);
    if (made !== undefined) return { ...outcome, receipt: made.receipt?.text ?? null };
    const first = [...round.kept.checkIns.values()].find((c) => c.actId === outcome.actId);
    if (first === undefined) return outcome;
    const [row] = await tx<{ outcome: string }[]>`SELECT outcome FROM commands
      WHERE opening_id = ${openingId} AND actor = ${first.account} AND command_id = ${first.command}`;
    const before = row === undefined ? null : (JSON.parse(row.outcome) as Outcome);
    return before?.outcome === 'accepted' ? { ...outcome, receipt: before.receipt } : outcome;
  }

  /** Of the envelopes that came with this round's submissions, those that no bid names. */
  async function unusedFiles(tx: TransactionSql, submissions: readonly Submission[]): Promise<string[]> {
    const files = submissions.flatMap(({ enclosure }) => (enclosure?.kind === 'envelope' ? [enclosure.file] : []));
    if (files.length === 0) return [];
    const used = await tx<{ file: string }[]>`SELECT file FROM envelopes WHERE file IN ${tx(files)}`;
    return files.filter((file) => !used.some((row) => row.file === file));
  }

  async function earlierOutcomes(
    tx: TransactionSql,
    submissions: readonly Submission[],
  ): Promise<Map<string, Answered>> {
    const found = new Map<string, Answered>();
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
      // A round under way may have committed what is not let out yet.
      while (cached === null && running !== null) await running;
      if (cached !== null) return cached;
      const loaded = await loadOpening(sql, origin, openingId);
      // A round that ran meanwhile knows better.
      if (running === null && !unsettled) cached ??= loaded;
      return cached ?? loaded;
    },
    outcomeOf(intakeId, submission) {
      return new Promise((resolve, reject) => {
        if (stopped) {
          reject(new OutcomeUnknownError(new Error('the keeper was stopped')));
          return;
        }
        callers.set(intakeId, { submission, resolve, reject });
        wake();
      });
    },
    machine(command) {
      return new Promise((resolve, reject) => {
        if (stopped) {
          reject(new Error('the keeper was stopped'));
          return;
        }
        machines.push({ command, resolve, reject });
        wake();
      });
    },
    wake,
    wakeLater: retryLater,
    async idle() {
      while (running !== null) await running;
    },
    async stop() {
      stopped = true;
      cancelRetry?.();
      while (running !== null) await running;
      const why = new Error('the keeper was stopped');
      for (const { reject } of machines.splice(0)) reject(why);
      for (const { reject } of callers.values()) reject(new OutcomeUnknownError(why));
      callers.clear();
    },
  };
}

/** The instant at which this command's stretch of time ends; null while no such stretch is running. */
function boundaryOf(state: OpeningState, command: MachineCommand): number | null {
  if (!BOUNDARIES.has(command.type)) return null;
  const alarm = nextAlarm(state);
  return alarm?.command === command.type ? alarm.at : null;
}

/** The same command again gets its first answer; another under its id is refused. */
function repeated(before: Answered, digest: Uint8Array): Outcome {
  const isSame = Buffer.from(before.digest).equals(digest);
  return isSame ? before.outcome : { outcome: 'refused', code: 'command_id_reused' };
}

/** A bid id is used once on the whole platform; one of another opening must not fail the round at its insert. */
async function isForeignBidId(tx: TransactionSql, submission: Submission): Promise<boolean> {
  if (submission.type !== 'LodgeBid') return false;
  const { bidId } = submission.data as { readonly bidId: unknown };
  if (typeof bidId !== 'string') return false;
  const [found] = await tx`SELECT 1 FROM envelopes WHERE id = ${bidId} AND opening_id <> ${submission.openingId}`;
  return found !== undefined;
}

function commandKey(submission: Submission): string {
  return `${submission.who.account}\n${submission.command}`;
}
