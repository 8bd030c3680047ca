/** What a page knows of the outside: a clock that only goes forward, alarms and chance; handed in, so that tests can step it. */

export type PageWorld = {
  /** ms since some fixed instant; unmoved when the user sets the computer's clock. */
  monotonicNow(): number;
  /** Calls `alarm` once, `delayMs` from now; the answer takes it back. */
  after(delayMs: number, alarm: () => void): () => void;
  /** A number in [0, 1), for spreading reconnects; nothing secret hangs on it. */
  random(): number;
};

/** The browser's. */
export const browserWorld: PageWorld = {
  monotonicNow: () => performance.now(),
  after(delayMs, alarm) {
    const timer = setTimeout(alarm, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
