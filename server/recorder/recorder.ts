/** The record-keeper: everything that changes an opening goes through here, one round at a time for each opening. */

import { openingOrigin } from '../core/log/origin.ts';
import type { Cosigners } from '../core/opening/cosigners.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import type { OpeningState } from '../core/opening/state.ts';
import type { Sql } from '../store/driver.ts';
import { isDatabaseAway } from '../store/faults.ts';
import type { World } from '../world.ts';
import { answerOf } from './answers.ts';
import { type IsCosigned, untilClosable } from './closing.ts';
import { type CreationRequest, create } from './creation.ts';
import { OutcomeUnknownError } from './faults.ts';
import { commandKey, firstAnswers, repeated } from './first-answers.ts';
import { createHeadsShown } from './head-seen.ts';
import { createIntake } from './intake.ts';
import { sweepIntake } from './intake-sweep.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { type KeptOpening, loadOpening } from './kept-opening.ts';
import type { OpeningDesk } from './opening-desk.ts';
import { createPreparations, PREPARED } from './preparations.ts';
import { type ReceptionDeps, receiveAct } from './reception.ts';
import { createRepeatedRefusals } from './repeated-refusals.ts';
import type { Rhythm } from './rhythm.ts';
import { createScans, type Scanning } from './scans.ts';
import type { Signer } from './signer.ts';
import { readSubmission } from './stored-submission.ts';
import type { Answer, Outcome, Submission } from './submission.ts';
import { createTimekeeper } from './timekeeper.ts';
import { createVerifications } from './verifications.ts';

export type RecorderDeps = {
  readonly sql: Sql;
  readonly world: World;
  readonly signer: Signer;
  readonly desk: OpeningDesk;
  readonly platform: string;
  readonly production: boolean;
  readonly vaultKey: Uint8Array;
  readonly heartbeatMs: number;
  readonly outageToleranceMs: number;
  readonly isCosigned: IsCosigned;
  /** Whom new openings name. */
  readonly cosigners: Cosigners;
  /** How stored envelopes are read through; absent where there is no vault. */
  readonly scanning?: Scanning;
  /** Told when a window has closed before any scan of its bids ended. */
  onUnfinished?(openingId: string): void;
  /** Told once the bids of an opening are sealed: the register goes to the ledger now, not at the next period. */
  onSealed(openingId: string): void;
  /** See KeeperDeps. */
  onDecided?(openingId: string): void;
  onFault(error: unknown): void;
};

export type Recorder = {
  create(request: CreationRequest): Promise<Answer>;
  submit(submission: Submission): Promise<Answer>;
  /** Another process has received an act: it is decided now, and not only when it is found. */
  hear(openingId: string): void;
  /** Another process will receive this submission: returns once what it needs of the vault is there, or cannot be had. */
  prepare(submission: Pick<Submission, 'openingId' | 'type' | 'role'>): Promise<void>;
  stateOf(openingId: string): Promise<OpeningState | null>;
  keptOf(openingId: string): Promise<KeptOpening | null>;
  /** No command is taken any more: a restored backup or a tampered log. */
  refuseCommands(why: string): void;
  health(): {
    readonly readOnly: boolean;
    readonly why: string | null;
    readonly openings: number;
    /** Stored envelopes that the last scans found damaged. */
    readonly damaged: number;
  };
  /** Waits until nothing is under way; what is durable stays for the next start. */
  close(): Promise<void>;
};

/** The recorder takes no commands. */
export class ReadOnlyError extends Error {
  readonly code = 'log_read_only';
}

/**
 * Starts the recorder: decides what was received and not decided, freezes what a long outage interrupted, then sets every alarm.
 *
 * Throws: what the signer throws for a database that is behind its guard (a restored backup), and what the database says.
 */
export async function startRecorder(deps: RecorderDeps): Promise<Recorder> {
  const { sql, world, platform } = deps;
  const keepers = new Map<string, Keeper>();
  /** What is being answered; the recorder closes when all of it is. */
  const underWay = new Set<Promise<unknown>>();
  let readOnly: string | null = null;
  let closing = false;
  let sweep: Rhythm | null = null;
  const heads = createHeadsShown(sql);
  const intake = createIntake(sql, world);
  const refusals = createRepeatedRefusals(deps);
  const preparations = createPreparations({
    ...deps,
    stateOf,
    untilClosable: (state) => untilClosable(deps, state, openingOrigin(platform, state.openingId)),
  });
  const timekeeper = createTimekeeper({ ...deps, keeperOf });
  const verifications = createVerifications({ ...deps, keeperOf });
  const scans = createScans({
    ...deps,
    scanning: deps.scanning ?? null,
    onUnfinished: deps.onUnfinished ?? (() => undefined),
    keeperOf,
  });

  function keeperOf(openingId: string): Keeper {
    let keeper = keepers.get(openingId);
    if (keeper !== undefined) return keeper;
    keeper = createKeeper(openingId, {
      ...deps,
      prepared: preparations.of,
      onReleased: heads.note,
      onCommitted,
      onUnused: (files) => {
        for (const file of files) void deps.desk.discard(file).catch(deps.onFault);
      },
    });
    keepers.set(openingId, keeper);
    return keeper;
  }

  async function isOpening(openingId: string): Promise<boolean> {
    if (keepers.has(openingId)) return true;
    const [found] = await sql`SELECT 1 FROM openings WHERE id = ${openingId}`;
    return found !== undefined;
  }

  /** Only what is still going on is kept in memory, and nothing for ids that somebody made up. */
  async function keptOf(openingId: string): Promise<KeptOpening | null> {
    const keeper = keepers.get(openingId);
    if (keeper !== undefined) return keeper.kept();
    const [row] = await sql<{ phase: string }[]>`SELECT phase FROM openings WHERE id = ${openingId}`;
    if (row === undefined) return null;
    if (row.phase === 'Archived') return loadOpening(sql, openingOrigin(platform, openingId), openingId);
    return keeperOf(openingId).kept();
  }

  async function stateOf(openingId: string): Promise<OpeningState | null> {
    return (await keptOf(openingId))?.state ?? null;
  }

  function onCommitted(openingId: string, { state }: KeptOpening, events: readonly LoggedEvent[]): void {
    const { phase } = state;
    refusals.changed(openingId);
    timekeeper.arm(openingId, state);
    if (phase !== 'Attribution' && phase !== 'Closed' && phase !== 'ReviewMeeting') preparations.forget(openingId);
    verifications.see(openingId, state);
    scans.see(openingId, state);
    if (phase === 'Archived') forget(openingId);
    if (events.some((e) => e.type === 'BidsSealed')) deps.onSealed(openingId);
  }

  /** Nothing will happen in this opening any more: whoever asks reads it from the database. */
  function forget(openingId: string): void {
    const keeper = keepers.get(openingId);
    void keeper?.idle().then(() => {
      if (keepers.get(openingId) === keeper) keepers.delete(openingId);
    });
  }

  /** What the vault had prepared for commands that were received went with the process that died. */
  async function prepareAnew(openingId: string): Promise<void> {
    const received = await sql<{ content: Uint8Array; login: string | null }[]>`
      SELECT i.content, l.login FROM intake i LEFT JOIN logins l ON l.sha256 = i.login_sha256
      WHERE i.opening_id = ${openingId} AND NOT i.decided AND i.kind = ANY (${[...PREPARED]}::text[])`;
    for (const { content, login } of received) {
      try {
        await preparations.prepare(readSubmission(content, login).submission);
      } catch (fault) {
        // Bytes that are no submission are refused in their round; they keep nothing from starting.
        deps.onFault(fault);
      }
    }
  }

  async function recover(): Promise<void> {
    const outageSince = await timekeeper.outage();
    const waiting = await sql<
      { openingId: string }[]
    >`SELECT DISTINCT opening_id AS "openingId" FROM intake WHERE NOT decided`;
    for (const { openingId } of waiting) {
      await prepareAnew(openingId);
      const keeper = keeperOf(openingId);
      // In the same round: what was received after the end that the outage froze is not late.
      if (outageSince !== null) await keeper.machine({ type: 'FreezeForOutage', outageSince });
      else keeper.wake();
      await keeper.idle();
    }
    const live = await sql<{ id: string }[]>`SELECT id FROM openings WHERE phase <> 'Archived'`;
    for (const { id } of live) {
      const keeper = keeperOf(id);
      if (outageSince !== null) await keeper.machine({ type: 'FreezeForOutage', outageSince });
      const kept = await keeper.kept();
      if (kept === null) continue;
      timekeeper.arm(id, kept.state);
      verifications.see(id, kept.state);
      scans.see(id, kept.state);
    }
    timekeeper.begin();
    sweep = sweepIntake(deps, (openingId) => void take(openingId).catch(deps.onFault));
  }

  const reception: ReceptionDeps = {
    platform,
    intake,
    heads,
    isOpening,
    async refusedAgain(submission, digest) {
      if (refusals.again(submission, digest) === null) return null;
      // An id that was answered before keeps its answer, and that may have been another one.
      const { openingId, who, command } = submission;
      const answers = await firstAnswers(sql, openingId, [submission]);
      const before = answers.get(commandKey(who.account, command));
      // Not the refusal itself: nothing stands under this id, which a later delivery may see accepted.
      const first: Outcome =
        before === undefined ? { outcome: 'refused', code: 'refused_just_now' } : repeated(before, digest);
      return first.outcome === 'refused' ? first : null;
    },
    async before(submission) {
      await preparations.prepare(submission);
      await timekeeper.awake();
    },
    onUnsure: (openingId) => keeperOf(openingId).wakeLater(),
  };

  async function submit(submission: Submission): Promise<Answer> {
    const received = await receiveAct(reception, submission);
    if ('outcome' in received) return received;
    const { openingId } = submission;
    const { outcome, fresh } = await keeperOf(openingId).outcomeOf(received.id, received.known);
    if (outcome.outcome === 'refused') refusals.note(submission, received.known.digest, outcome.code);
    return answerOf(deps, openingId, outcome, fresh);
  }

  /** Decides what others received: once no outage is undealt with, and with what the vault must prepare. */
  async function take(openingId: string): Promise<void> {
    await timekeeper.awake();
    await prepareAnew(openingId);
    keeperOf(openingId).wake();
  }

  /** Runs what somebody waits for. Throws: ReadOnlyError; OutcomeUnknownError for every fault of the database. */
  async function answering<T>(work: () => Promise<T>): Promise<T> {
    if (readOnly !== null) throw new ReadOnlyError(readOnly);
    if (closing) throw new OutcomeUnknownError(new Error('the recorder is closing'));
    const working = work().catch((error: unknown) => {
      if (readOnly !== null) throw new ReadOnlyError(readOnly);
      throw isDatabaseAway(error) ? new OutcomeUnknownError(error) : error;
    });
    underWay.add(working);
    try {
      return await working;
    } finally {
      underWay.delete(working);
    }
  }

  async function stop(): Promise<void> {
    verifications.stop();
    scans.stop();
    await sweep?.stop();
    await timekeeper.stop();
    await Promise.all([...keepers.values()].map((keeper) => keeper.stop()));
    await refusals.close();
  }

  try {
    await recover();
  } catch (error) {
    closing = true;
    await stop();
    throw error;
  }

  return {
    create: (request) => answering(() => create({ ...deps, heads }, request)),
    submit: (submission) => answering(() => submit(submission)),
    hear(openingId) {
      if (readOnly === null && !closing) void take(openingId).catch(deps.onFault);
    },
    prepare: preparations.prepare,
    keptOf,
    stateOf,
    refuseCommands(why) {
      if (readOnly !== null) return;
      readOnly = why;
      // Nothing more is signed, by the clock neither; and without its heartbeat the time from here on is an outage for everyone.
      void stop().catch(deps.onFault);
    },
    health: () => ({ readOnly: readOnly !== null, why: readOnly, openings: keepers.size, damaged: scans.damaged() }),
    async close() {
      closing = true;
      await Promise.allSettled(underWay);
      await stop();
    },
  };
}
