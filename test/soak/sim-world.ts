/** The world of a simulation: one clock that jumps from alarm to alarm, and chance that belongs to whoever an effect is for. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { World } from '../../server/world.ts';
import { type Chance, chanceOf } from './chance.ts';

export type SimWorld = World & {
  /** When the next alarm is due; null when none is set. */
  nextAt(): number | null;
  /** Moves the clock and sounds, in order, every alarm that is due by then. Asserts: not back. */
  moveTo(at: number): void;
  /** A world for one life of a server: after `end` none of its alarms sounds any more. */
  life(): { readonly world: World; end(): void };
  /** Runs work, and all that follows from it, with chance of its own: of two openings neither draws what the other's order decides. */
  within<Result>(chance: Chance, work: () => Result): Result;
};

type Alarm = { readonly at: number; readonly order: number; alarm: (() => void) | null };

/** Wakes who waits for something to come to its end, without asking again and again. */
export type Bell = { ring(): void; rung(): Promise<void> };

export function createBell(): Bell {
  const waiting: (() => void)[] = [];
  return {
    ring() {
      for (const wake of waiting.splice(0)) wake();
    },
    rung: () => new Promise((wake) => waiting.push(wake)),
  };
}

/** Turns of the event loop without anything under way after which nothing more will come of itself. */
const CALM_TURNS = 3;
/** Real time within which everything must come to rest. */
const REST_LIMIT_MS = 60_000;

/**
 * Lets everything that has begun come to its end, the clock standing still; alarms that are due now sound.
 *
 * Shape:  `isOver` ends it early.
 * Throws: an Error when it takes too long.
 */
export async function comeToRest(
  world: SimWorld,
  bell: Bell,
  about: { isQuiet(): boolean; isOver(): boolean; underWay(): string },
): Promise<void> {
  let isTooLong = false;
  const limit = setTimeout(() => {
    isTooLong = true;
    bell.ring();
  }, REST_LIMIT_MS);
  try {
    for (let calm = 0; calm < CALM_TURNS; ) {
      if (about.isOver()) return;
      if (isTooLong) throw new Error(`nothing comes to rest: ${about.underWay()}`);
      const nextAt = world.nextAt();
      if (!about.isQuiet()) {
        calm = 0;
        await bell.rung();
      } else if (calm + 1 === CALM_TURNS && nextAt !== null && nextAt <= world.now()) {
        calm = 0;
        world.moveTo(world.now());
      } else calm += 1;
      await turn();
    }
  } finally {
    clearTimeout(limit);
  }
}

/** A world that begins at an instant, integer ms. */
export function simWorld(startAt: number, seed: string): SimWorld {
  const heap = createHeap();
  const own = new AsyncLocalStorage<Chance>();
  const common = chanceOf(`${seed}/world`);
  let nowAt = startAt;
  let made = 0;

  const now = (): number => nowAt;
  const randomBytes = (length: number): Uint8Array => (own.getStore() ?? common).bytes(length);
  function after(delayMs: number, alarm: () => void): () => void {
    // What an alarm starts belongs to whoever set it.
    const set: Alarm = { at: nowAt + Math.max(0, delayMs), order: made++, alarm: AsyncResource.bind(alarm) };
    heap.put(set);
    return () => {
      set.alarm = null;
    };
  }

  return {
    now,
    after,
    randomBytes,
    nextAt() {
      while (heap.first()?.alarm === null) heap.take();
      return heap.first()?.at ?? null;
    },
    moveTo(at) {
      if (at < nowAt) throw new Error('a clock goes forward');
      for (let due = heap.first(); due !== undefined && due.at <= at; due = heap.first()) {
        heap.take();
        nowAt = Math.max(nowAt, due.at);
        due.alarm?.();
      }
      nowAt = at;
    },
    life() {
      // An alarm that is far off would hold all that its life held, to the end of the simulation.
      const cancels = new Set<() => void>();
      let isOver = false;
      return {
        world: {
          now,
          randomBytes,
          after(delayMs, alarm) {
            if (isOver) return () => undefined;
            const cancelAlarm = after(delayMs, () => {
              cancels.delete(cancel);
              alarm();
            });
            const cancel = (): void => {
              cancels.delete(cancel);
              cancelAlarm();
            };
            cancels.add(cancel);
            return cancel;
          },
        },
        end() {
          isOver = true;
          for (const cancel of [...cancels]) cancel();
        },
      };
    },
    within: (chance, work) => own.run(chance, work),
  };
}

/** Alarms by their instant, those of one instant in the order in which they were set. */
function createHeap(): { first(): Alarm | undefined; take(): void; put(alarm: Alarm): void } {
  const alarms: Alarm[] = [];
  const isBefore = (a: Alarm, b: Alarm): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  return {
    first: () => alarms[0],
    put(alarm) {
      let place = alarms.push(alarm) - 1;
      for (
        let above = (place - 1) >> 1;
        place > 0 && isBefore(alarm, alarms[above] as Alarm);
        above = (place - 1) >> 1
      ) {
        alarms[place] = alarms[above] as Alarm;
        place = above;
      }
      alarms[place] = alarm;
    },
    take() {
      const last = alarms.pop();
      if (last === undefined || alarms.length === 0) return;
      let place = 0;
      for (;;) {
        let child = 2 * place + 1;
        if (child >= alarms.length) break;
        if (child + 1 < alarms.length && isBefore(alarms[child + 1] as Alarm, alarms[child] as Alarm)) child += 1;
        if (!isBefore(alarms[child] as Alarm, last)) break;
        alarms[place] = alarms[child] as Alarm;
        place = child;
      }
      alarms[place] = last;
    },
  };
}
