/** The outside world: the time, alarms and chance; the only file of the server that asks for any of them. */
import { randomFillSync } from 'node:crypto';

/** What the server knows of the outside; handed in, so that tests step the clock and seed the chance. */
export type World = {
  /** The present instant: integer ms since 1970-01-01T00:00Z. */
  now(): number;
  /** Calls `alarm` once, `delayMs` from now (at once when that is past); the answer takes the alarm back. */
  after(delayMs: number, alarm: () => void): () => void;
  /** Bytes that nobody can guess. */
  randomBytes(length: number): Uint8Array;
};

/** Node.js timers hold 31 bits of ms, 24.8 days, and run at once when given more: longer waits go in stages. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function after(delayMs: number, alarm: () => void): () => void {
  const dueAt = Date.now() + delayMs;
  let timer: NodeJS.Timeout;
  const wait = (remainingMs: number): void => {
    timer =
      remainingMs > LONGEST_TIMER_MS
        ? setTimeout(() => wait(dueAt - Date.now()), LONGEST_TIMER_MS)
        : setTimeout(alarm, Math.max(0, remainingMs));
  };
  wait(delayMs);
  return () => clearTimeout(timer);
}

/** The real one. */
export const systemWorld: World = {
  now: () => Date.now(),
  after,
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
};
