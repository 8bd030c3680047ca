/** Waits for what another process will write: looks when it is told that it may be there, and again and again in case nobody tells. */
import type { World } from '../world.ts';

export type RowWatch<Found> = {
  /** Resolves with what `look` finds for this row. Rejects with `onLate()` when it is not there after the limit. */
  wait(id: number): Promise<Found>;
  /** Looks now. */
  hear(): void;
  /** Looks no more; who waits, and who comes later, is late. */
  stop(): void;
};

export type RowWatchOptions<Found> = {
  readonly world: Pick<World, 'after' | 'now'>;
  /** How often it looks untold, ms. */
  readonly periodMs: number;
  /** How long one row is waited for, ms. */
  readonly limitMs: number;
  /** Of these rows those that are there. What it throws is only told: it looks again. */
  look(ids: readonly number[]): Promise<ReadonlyMap<number, Found>>;
  onLate(): Error;
  onFault(error: unknown): void;
};

type Waiter<Found> = {
  readonly until: number;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: unknown) => void;
};

/** Begins to watch; it looks only while somebody waits. */
export function watchRows<Found>(options: RowWatchOptions<Found>): RowWatch<Found> {
  const { world, periodMs, limitMs } = options;
  const waiters = new Map<number, Waiter<Found>>();
  let isStopped = false;
  let isLooking = false;
  let again = false;
  let cancel: (() => void) | null = null;

  async function look(): Promise<void> {
    do {
      again = false;
      if (waiters.size === 0) return;
      try {
        const found = await options.look([...waiters.keys()]);
        for (const [id, row] of found) {
          waiters.get(id)?.resolve(row);
          waiters.delete(id);
        }
      } catch (error) {
        options.onFault(error);
      }
      const now = world.now();
      for (const [id, { until, reject }] of waiters) {
        if (now < until) continue;
        waiters.delete(id);
        reject(options.onLate());
      }
    } while (again);
  }

  function hear(): void {
    again = waiters.size > 0 && !isStopped;
    if (!again || isLooking) return;
    isLooking = true;
    void look().finally(() => {
      isLooking = false;
      // Somebody may have come since it looked last.
      if (again) hear();
      else setAlarm();
    });
  }

  function setAlarm(): void {
    cancel?.();
    cancel = waiters.size === 0 || isStopped ? null : world.after(periodMs, hear);
  }

  return {
    wait(id) {
      if (isStopped) return Promise.reject(options.onLate());
      return new Promise((resolve, reject) => {
        waiters.set(id, { until: world.now() + limitMs, resolve, reject });
        // It may have been there before anybody waited.
        hear();
      });
    },
    hear,
    stop() {
      isStopped = true;
      cancel?.();
      for (const { reject } of waiters.values()) reject(options.onLate());
      waiters.clear();
    },
  };
}
