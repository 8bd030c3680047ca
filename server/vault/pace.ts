/** Keeps a long read from taking a disk for itself: it waits so that no more than so many bytes a second go by; it reads nothing. */
import type { World } from '../world.ts';

/** A wait shorter than this is saved up: timers are no finer. */
const LEAST_WAIT_MS = 20;

/**
 * Starts a pace.
 *
 * Returns: what is told of each piece that was read, and resolves when the next may be.
 * Why:     counted from the start of a stretch, which ends with a wait or when the disk is slower than the pace: what it was slower is
 *          not made up for afterwards.
 */
export function startPace(
  world: Pick<World, 'now' | 'after'>,
  bytesPerSecond: number,
): (bytes: number) => Promise<void> {
  let since = world.now();
  let bytes = 0;
  return async (more) => {
    bytes += more;
    const waitMs = (bytes / bytesPerSecond) * 1_000 - (world.now() - since);
    if (waitMs > 0 && waitMs < LEAST_WAIT_MS) return;
    if (waitMs > 0) await new Promise<void>((resolve) => void world.after(Math.ceil(waitMs), resolve));
    since = world.now();
    bytes = 0;
  };
}
