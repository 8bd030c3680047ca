/**
 * Keeps one opening: takes what was received in order, one round after the other, and lets nobody know before it is let out.
 *
 * The order of effects of a round, and what a crash after each line leaves:
 *  1 intake row committed (elsewhere)   the act is durable; recovery decides it by the same code
 *  2 opening row and head locked        nothing
 *  3 decided, entries made              nothing
 *  4 guard: pending is durable          a pending head nobody saw; settled against the database
 *  5 COMMIT                             the change; whoever settles promotes pending when he finds it committed
 *  6 guard: released                    readers may have it
 *  7 answers; NOTIFY                    callers ask again with the same id; viewers catch up by reading
 * A fault after 3 does what a crash does: memory is dropped, callers are told that they must ask again, and before the next
 * round guard and database are settled. The keeper comes back by itself: what is in the intake is decided, whoever waits for it.
 */

import { openingOrigin } from '../core/log/origin.ts';
import type { LoggedEvent } from '../core/opening/events.ts';
import type { Sql } from '../store/driver.ts';
import { isValueRefused } from '../store/faults.ts';
import type { World } from '../world.ts';
import { createAnnouncer } from './announcer.ts';
import { letOut } from './commit.ts';
import { OutcomeUnknownError } from './faults.ts';
import { decidedOutcome } from './first-answers.ts';
import { type FoldedOpening, type KeptOpening, loadOpening } from './kept-opening.ts';
import type { MachineCommand, MachineOutcome } from './machine.ts';
import { decideRound, type RoundDeps, type RoundDone, type SignedEntries } from './round.ts';
import { settleLog } from './settle-log.ts';
import type { Signer } from './signer.ts';
import type { Known, Outcome } from './submission.ts';

/** Submissions decided by one commit at most. */
export const ROUND_LIMIT = 256;
/** How soon a keeper tries again after a fault; doubled each time, up to the second figure. */
/** So many it takes at least after rounds that were lost, which may have been too long. */
const SMALL_ROUND = 16;
const RETRY_MS = 100;
const RETRY_LIMIT_MS = 2_000;

export type KeeperDeps = RoundDeps & {
  readonly sql: Sql;
  readonly world: World;
  readonly signer: Signer;
  /** Told of each head that is let out. */
  onReleased(origin: string, size: number, root: Uint8Array): void;
  /** Told after release, for alarms and the vault's work; a viewer hears from the store. */
  onCommitted(openingId: string, kept: KeptOpening, events: readonly LoggedEvent[]): void;
  /** Files of envelopes that were decided and that no bid names: refused, or lodged before under the same id. */
  onUnused(files: readonly string[]): void;
  /** Told when acts are decided that nobody here waits for: another process received them, and somebody waits there. */
  onDecided?(openingId: string): void;
};

/** What became of a submission; with the entries of its round, unless it was decided before it was asked for. */
export type Decided = { readonly outcome: Outcome; readonly fresh: SignedEntries | null };

export type Keeper = {
  /** The opening as committed; null while its log has no entry. */
  kept(): Promise<KeptOpening | null>;
  /** The outcome of a row of the intake, which holds this submission. Throws OutcomeUnknownError. */
  outcomeOf(intakeId: number, known: Known): Promise<Decided>;
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

type Waiter<T> = { readonly resolve: (answer: T) => void; readonly reject: (reason: unknown) => void };
type WaitingMachine = Waiter<MachineOutcome> & { readonly command: MachineCommand };
type WaitingCaller = Waiter<Decided> & { readonly known: Known };

export function createKeeper(openingId: string, deps: KeeperDeps): Keeper {
  const { sql, signer, world } = deps;
  const origin = openingOrigin(deps.platform, openingId);
  const callers = new Map<number, WaitingCaller>();
  const announcer = createAnnouncer(sql, origin, untold);
  let machines: WaitingMachine[] = [];
  let cached: FoldedOpening | null = null;
  let dirty = false;
  /**
   * After a value that the database refused, rounds are of one submission each, so that it holds nobody else back. After one that
   * was lost in any other way once it had begun they are half as long, and after each that was done twice as long again: one that
   * takes longer than the database waits would be lost each time, and what waits would only grow.
   */
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
          if (tried !== null && limit > 1) limit = Math.max(SMALL_ROUND, Math.floor(limit / 2));
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
    const done = await commitRound(batch.map((m) => m.command));
    if (done.more) {
      dirty = true;
      if (limit > 1) limit = Math.min(2 * limit, ROUND_LIMIT);
    } else limit = ROUND_LIMIT;
    machines = [...batch.filter((_waiting, i) => done.machines[i] === 'later'), ...machines];
    batch.forEach(({ resolve, reject }, i) => {
      const answer = done.machines[i];
      if (answer === undefined || answer === 'later') return;
      if ('fault' in answer) reject(answer.fault);
      else resolve(answer);
    });
    if ([...done.outcomes.keys()].some((id) => !callers.has(id))) contained(() => deps.onDecided?.(openingId));
    for (const [id, outcome] of done.outcomes) answer(id, { outcome, fresh: done.fresh });
    if (done.more) return;
    // Who asked before this round and is in none of its rows was decided before he asked.
    for (const [id, { known }] of asked) {
      if (!callers.has(id)) continue;
      const outcome = await decidedOutcome(sql, id, known);
      if (outcome === null) dirty = true;
      else answer(id, { outcome, fresh: null });
    }
  }

  async function commitRound(
    commands: readonly MachineCommand[],
  ): Promise<RoundDone & { readonly fresh: SignedEntries | null }> {
    // Asked for when the rows are read: by then all that was received with the first of them is known here.
    const known = () => new Map([...callers].map(([id, caller]) => [id, caller.known]));
    const onOldest = (id: number | null): void => {
      tried = id;
    };
    const order = { openingId, origin, commands, limit, cached, known, onOldest };
    const decided = await sql.begin((tx) => decideRound(tx, deps, order));
    let fresh: SignedEntries | null = null;
    if (decided.fresh !== null) {
      const { size, root } = decided.fresh.appended;
      const head = await letOut({ sql, signer }, origin, { size, root });
      if (head !== null) fresh = { ...decided.fresh, checkpoint: head.note };
      deps.onReleased(origin, size, root);
      announcer.announce(size);
    }
    const done = { ...decided, fresh };
    // what was erased is not kept in memory either
    cached = done.events.some(({ type }) => type === 'Erased') ? null : done.kept;
    // What follows is for others; that it fails must not make an act that is committed look uncertain.
    if (done.isChange) contained(() => deps.onCommitted(openingId, done.kept, done.events));
    if (done.unused.length > 0) contained(() => deps.onUnused(done.unused));
    return done;
  }

  function contained(work: () => void): void {
    try {
      work();
    } catch (error) {
      untold(error);
    }
  }

  /** Others were not told of what is committed: the next round settles, and so tells them. */
  function untold(error: unknown): void {
    deps.onFault(error);
    unsettled = true;
    retryLater();
  }

  async function settle(): Promise<void> {
    const committed = await settleLog(sql, signer, origin);
    if (committed !== null) announcer.announce(committed.size);
    unsettled = false;
  }

  function answer(id: number, decided: Decided): void {
    callers.get(id)?.resolve(decided);
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
    await sql.begin((tx) => tx`UPDATE intake SET decided = true WHERE id = ${id} AND NOT decided`);
    suspect = null;
    answer(id, { outcome: { outcome: 'refused', code: 'could_not_be_decided' }, fresh: null });
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
    outcomeOf(intakeId, known) {
      return new Promise((resolve, reject) => {
        if (stopped) {
          reject(new OutcomeUnknownError(new Error('the keeper was stopped')));
          return;
        }
        callers.set(intakeId, { known, resolve, reject });
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
      await announcer.idle();
      const why = new Error('the keeper was stopped');
      for (const { reject } of machines.splice(0)) reject(why);
      for (const { reject } of callers.values()) reject(new OutcomeUnknownError(why));
      callers.clear();
    },
  };
}
