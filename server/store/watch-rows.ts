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
  /** How long one row is waited for, ms; behind it one period more for a last look that is not answered. */
  readonly limitMs: number;
  /** Of these rows those that are there. What it throws is only told: it looks again. */
  look(ids: readonly number[]): Promise<ReadonlyMap<number, Found>>;
  onLate(): Error;
  onFault(error: unknown): void;
};

type Waiter<Found> = {
  readonly until: number;
  cancel: () => void;
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

  function leave(id: number): Waiter<Found> | undefined {
    const waiter = waiters.get(id);
    waiters.delete(id);
    waiter?.cancel();
    return waiter;
  }

  function giveUp(id: number): void {
    leave(id)?.reject(options.onLate());
  }

  async function look(): Promise<void> {
    do {
      again = false;
      if (waiters.size === 0) return;
      try {
        const found = await options.look([...waiters.keys()]);
        for (const [id, row] of found) leave(id)?.resolve(row);
      } catch (error) {
        options.onFault(error);
      }
      const now = world.now();
      for (const [id, { until }] of waiters) if (now >= until) giveUp(id);
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
        // The limit holds also while a look hangs; one that ends tells whether it was there.
        const cancelLate = world.after(limitMs, () => {
          waiter.cancel = world.after(periodMs, () => giveUp(id));
          hear();
        });
        const waiter: Waiter<Found> = { until: world.now() + limitMs, cancel: cancelLate, resolve, reject };
        waiters.set(id, waiter);
        // It may have been there before anybody waited.
        hear();
      });
    },
    hear,
    stop() {
      isStopped = true;
      cancel?.();
      for (const id of waiters.keys()) giveUp(id);
    },
  };
}
