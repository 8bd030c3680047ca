/** How far the event loop lags behind: the one sign of overload that means the same on every machine. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { World } from '../world.ts';

const SAMPLE_MS = 1_000;
const RESOLUTION_MS = 20;
const NS_PER_MS = 1e6;

export type LoadWatch = {
  /** The mean lag of the last second, ms. */
  lagMs(): number;
  stop(): void;
};

export function watchLoad(world: Pick<World, 'after'>): LoadWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let lagMs = 0;
  let cancel = world.after(SAMPLE_MS, sample);
  function sample(): void {
    // Without a single sample the mean is NaN: the loop stood still the whole time, or nothing was measured yet.
    lagMs = Number.isNaN(histogram.mean) ? 0 : Math.max(0, histogram.mean / NS_PER_MS - RESOLUTION_MS);
    histogram.reset();
    cancel = world.after(SAMPLE_MS, sample);
  }
  return {
    lagMs: () => lagMs,
    stop() {
      cancel();
      histogram.disable();
    },
  };
}
