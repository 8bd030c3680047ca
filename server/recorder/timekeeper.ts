/** The clock's voice: wakes each opening at its next alarm, keeps the heartbeat, and freezes what ran through a long outage. */
import { nextAlarm, runningUntil } from '../core/opening/alarms.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { readClock } from '../store/clock.ts';
import type { Sql } from '../store/driver.ts';
import type { World } from '../world.ts';
import type { Keeper, MachineCommand } from './keeper.ts';

/** How soon the clock speaks again after it was refused: acts still undecided, or the database's clock a little behind ours. */
const RETRY_MS = 50;
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
  /** Sets the opening's alarm anew after each change. */
  arm(openingId: string, state: OpeningState): void;
  /** How long nobody was alive before this start, and since when; null at the very first start or within the tolerance. */
  outage(): Promise<{ readonly sinceAt: number; readonly ms: number } | null>;
  startHeartbeat(): void;
  stop(): Promise<void>;
};

export function createTimekeeper(deps: TimekeeperDeps): Timekeeper {
  const { sql, world } = deps;
  const alarms = new Map<string, () => void>();
  const states = new Map<string, OpeningState>();
  let stopped = false;
  let beating: Promise<void> = Promise.resolve();
  let cancelBeat: (() => void) | null = null;
  let lastBeatAt: number | null = null;

  function arm(openingId: string, state: OpeningState): void {
    alarms.get(openingId)?.();
    alarms.delete(openingId);
    if (runningUntil(state) === null) states.delete(openingId);
    else states.set(openingId, state);
    const alarm = nextAlarm(state);
    if (alarm === null || stopped) return;
    wait(openingId, alarm.at - world.now(), alarm.command as MachineCommand['type']);
  }

  function wait(openingId: string, delayMs: number, command: MachineCommand['type']): void {
    alarms.set(
      openingId,
      world.after(Math.max(0, delayMs), () => {
        alarms.delete(openingId);
        void speak(openingId, command);
      }),
    );
  }

  async function speak(openingId: string, type: MachineCommand['type']): Promise<void> {
    try {
      // While the heart has not beaten for too long nothing may end: the gap is dealt with first.
      const late = lastBeatAt !== null && world.now() - lastBeatAt > deps.outageToleranceMs;
      if (late) {
        retry(openingId, type);
        return;
      }
      const outcome = await deps.keeperOf(openingId).machine({ type } as MachineCommand);
      if ('refused' in outcome && (outcome.refused === 'acts_still_undecided' || outcome.refused === 'before_its_time'))
        retry(openingId, type);
    } catch (error) {
      deps.onFault(error);
      retry(openingId, type);
    }
  }

  function retry(openingId: string, type: MachineCommand['type']): void {
    // A commit meanwhile has armed the opening anew; then this voice is not needed.
    if (!stopped && !alarms.has(openingId)) wait(openingId, RETRY_MS, type);
  }

  async function beat(): Promise<void> {
    try {
      const now = await sql.begin(async (tx) => {
        const at = await readClock(tx, world);
        await tx`INSERT INTO heartbeats (process_id, at) VALUES (${HEARTBEAT}, ${at})
          ON CONFLICT (process_id) DO UPDATE SET at = greatest(heartbeats.at, excluded.at)`;
        return at;
      });
      const before = lastBeatAt;
      if (before !== null && now - before > deps.outageToleranceMs) await freezeAll(before);
      lastBeatAt = now;
    } catch (error) {
      deps.onFault(error);
    }
  }

  /** The database was away while this process lived: for everyone it was the same as a dead platform. */
  async function freezeAll(sinceAt: number): Promise<void> {
    for (const openingId of [...states.keys()]) {
      await deps.keeperOf(openingId).machine({ type: 'FreezeForOutage', outageSince: sinceAt });
    }
  }

  function nextBeat(): void {
    if (stopped) return;
    cancelBeat = world.after(deps.heartbeatMs, () => {
      beating = beat().finally(nextBeat);
    });
  }

  return {
    arm,
    async outage() {
      const [last] = await sql<{ at: number }[]>`SELECT at FROM heartbeats WHERE process_id = ${HEARTBEAT}`;
      if (last === undefined) return null;
      const now = await sql.begin((tx) => readClock(tx, world));
      const ms = now - last.at;
      return ms > deps.outageToleranceMs ? { sinceAt: last.at, ms } : null;
    },
    startHeartbeat() {
      beating = beat().finally(nextBeat);
    },
    async stop() {
      stopped = true;
      cancelBeat?.();
      for (const cancel of alarms.values()) cancel();
      alarms.clear();
      await beating;
    },
  };
}
