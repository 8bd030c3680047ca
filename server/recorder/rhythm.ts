/** Does a thing again and again at a fixed rate, one at a time; knows nothing of what it does. */
import type { World } from '../world.ts';

export type Rhythm = {
  /** Ends it, and waits for what is under way. */
  stop(): Promise<void>;
};

/**
 * Runs `work` every `periodMs`, the first time after one period.
 *
 * Shape: at whole periods from the start, however long the work takes; periods that passed meanwhile are left out.
 * Why:   a period counted from the end of the work would be longer after more work, and so tell how much there was.
 *        What `work` throws goes to `onFault`, and the rhythm goes on.
 */
export function keepRhythm(
  world: World,
  periodMs: number,
  work: () => Promise<void>,
  onFault: (error: unknown) => void,
): Rhythm {
  const startedAt = world.now();
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let cancel = (): void => undefined;

  const next = (): void => {
    if (stopped) return;
    const passed = Math.floor((world.now() - startedAt) / periodMs);
    cancel = world.after(startedAt + (passed + 1) * periodMs - world.now(), () => {
      running = work().catch(onFault).finally(next);
    });
  };
  next();
  return {
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
  };
}
