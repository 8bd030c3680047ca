/** The clock's voice: wakes each opening at its next alarm, keeps the heartbeat, and freezes what ran through a long outage. */
import { nextAlarm, runningUntil } from '../core/opening/alarms.ts';
import type { RefusalCode } from '../core/opening/refusals.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { isAnyUndecided } from '../core/opening/steps/window.ts';
import { readClock } from '../store/clock.ts';
import type { Sql } from '../store/driver.ts';
import type { World } from '../world.ts';
import type { Keeper } from './keeper.ts';
import type { MachineCommand } from './machine.ts';

/** How soon the clock speaks again when it was early: the database's clock is a little behind ours. */
const EARLY_RETRY_MS = 50;
/** The same after a fault, or when something else must happen first, which will set the alarm anew by itself. */
const LATER_MS = 1_000;
/** The heartbeat's row: one platform lives or does not, however many processes serve it. */
const HEARTBEAT = 'platform';

export type TimekeeperDeps = {
  readonly sql: Sql;
  readonly world: World;
  readonly heartbeatMs: number;
  readonly outageToleranceMs: number;
  keeperOf(openingId: string): Keeper;
  onFault(error: unknown): void;
};

export type Timekeeper = {
  /** Sets the opening's alarm anew after each change; none sounds before `begin`. */
  arm(openingId: string, state: OpeningState): void;
  /**
   * Since when nobody was alive before this start; null at the very first start or within the tolerance.
   *
   * Why: whoever asks freezes what ran since then. Time goes on meanwhile: a gap that the start itself makes too long is found by
   *      the first beat, which counts from here on, or from the last beat before the start when that was within the tolerance.
   */
  outage(): Promise<number | null>;
  /** From here on alarms sound and the heart beats: only when what an outage interrupted is frozen. */
  begin(): void;
  /**
   * Returns once no outage of this process's own lifetime is undealt with.
   *
   * Throws: what the database says while it is still away.
   * Why:    an act that comes right after the database is back must find its window frozen, not over.
   */
  awake(): Promise<void>;
  stop(): Promise<void>;
};

export function createTimekeeper(deps: TimekeeperDeps): Timekeeper {
  const { sql, world } = deps;
  const alarms = new Map<string, () => void>();
  /** Openings that have an alarm, as they are. */
  const states = new Map<string, OpeningState>();
  let isOn = false;
  let beating: Promise<void> | null = null;
  let cancelBeat: (() => void) | null = null;
  // As the stored one it never goes back: a clock that was wrong for an hour and is put right has passed over nothing.
  let lastBeatAt: number | null = null;
  /** What the clock showed at the last beat. */
  let shownAt: number | null = null;

  function arm(openingId: string, state: OpeningState): void {
    alarms.get(openingId)?.();
    alarms.delete(openingId);
    states.delete(openingId);
    if (nextAlarm(state) === null) return;
    states.set(openingId, state);
    set(openingId, 0);
  }

  function set(openingId: string, leastMs: number): void {
    const state = states.get(openingId);
    const alarm = state === undefined ? null : nextAlarm(state);
    if (state === undefined || alarm === null || !isOn) return;
    const command = { type: alarm.command } as MachineCommand;
    // The decision that the end of the window waits for sets this alarm anew.
    const isWindow = command.type === 'CloseWindow' || command.type === 'CloseRemedy';
    const waits = isWindow && isAnyUndecided(state);
    const delayMs = Math.max(alarm.at - world.now(), leastMs, waits ? LATER_MS : 0);
    alarms.set(
      openingId,
      world.after(delayMs, () => {
        alarms.delete(openingId);
        void speak(openingId, command);
      }),
    );
  }

  function setAnew(): void {
    for (const openingId of states.keys()) {
      alarms.get(openingId)?.();
      set(openingId, 0);
    }
  }

  async function speak(openingId: string, command: MachineCommand): Promise<void> {
    try {
      // While the heart has not beaten for too long nothing may end: the gap is dealt with first.
      if (isLate()) return again(openingId, EARLY_RETRY_MS);
      const outcome = await deps.keeperOf(openingId).machine(command);
      if ('refused' in outcome) again(openingId, isEarly(outcome.refused) ? EARLY_RETRY_MS : LATER_MS);
    } catch {
      // The keeper has told of the fault; here it only means that the clock must speak once more.
      again(openingId, LATER_MS);
    }
  }

  /** A commit meanwhile has armed the opening anew; then this voice is not needed. */
  function again(openingId: string, delayMs: number): void {
    if (!alarms.has(openingId)) set(openingId, delayMs);
  }

  function isLate(): boolean {
    return lastBeatAt !== null && world.now() - lastBeatAt > deps.outageToleranceMs;
  }

  /**
   * One beat.
   *
   * The order: a gap is frozen first, and only then is the new beat stored; after a crash in between the next start finds the old
   * one and freezes what is left.
   */
  async function beat(): Promise<void> {
    // Within a transaction, as for every act: only a database that is there has a time.
    const at = await sql.begin((tx) => readClock(tx, world));
    // Alarms were set by how far away they were on a clock that has been set since.
    if (shownAt !== null && (at < shownAt || at - shownAt > 2 * deps.heartbeatMs)) setAnew();
    shownAt = at;
    const before = lastBeatAt;
    if (before !== null && at - before > deps.outageToleranceMs) await freezeAll(before);
    await sql`INSERT INTO heartbeats (process_id, at) VALUES (${HEARTBEAT}, ${at})
      ON CONFLICT (process_id) DO UPDATE SET at = greatest(heartbeats.at, excluded.at)`;
    lastBeatAt = Math.max(at, lastBeatAt ?? at);
  }

  function beatNow(): Promise<void> {
    beating ??= beat().finally(() => {
      beating = null;
    });
    return beating;
  }

  /** The database was away while this process lived: for everyone it was the same as a dead platform. */
  async function freezeAll(sinceAt: number): Promise<void> {
    for (const [openingId, state] of [...states]) {
      if (runningUntil(state) === null) continue;
      await deps.keeperOf(openingId).machine({ type: 'FreezeForOutage', outageSince: sinceAt });
    }
  }

  function nextBeat(): void {
    if (!isOn) return;
    cancelBeat = world.after(deps.heartbeatMs, () => void beatNow().catch(deps.onFault).finally(nextBeat));
  }

  return {
    arm,
    async outage() {
      const [last] = await sql<{ at: number }[]>`SELECT at FROM heartbeats WHERE process_id = ${HEARTBEAT}`;
      if (last === undefined) return null;
      const at = await sql.begin((tx) => readClock(tx, world));
      const isLong = at - last.at > deps.outageToleranceMs;
      lastBeatAt = isLong ? at : last.at;
      return isLong ? last.at : null;
    },
    begin() {
      isOn = true;
      lastBeatAt ??= world.now();
      for (const openingId of states.keys()) set(openingId, 0);
      void beatNow().catch(deps.onFault).finally(nextBeat);
    },
    async awake() {
      if (isOn && isLate()) await beatNow();
    },
    async stop() {
      isOn = false;
      cancelBeat?.();
      for (const cancel of alarms.values()) cancel();
      alarms.clear();
      await beating?.catch(deps.onFault);
    },
  };
}

function isEarly(code: RefusalCode): boolean {
  return code === 'before_its_time';
}
