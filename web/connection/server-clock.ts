/** The server's clock as a page knows it: the ping with the smallest round trip sets it, the monotonic clock carries it on. */

/** Pings sent each time a connection opens. */
export const PINGS_PER_OPENING = 8;

export type ServerClock = {
  /** The server's present instant, integer ms; null before anything was heard. */
  now(): number | null;
  /** Half the best round trip: how far off `now` can be, ms; null before the first pong. */
  errorMs(): number | null;
  /** A new connection: its pings are judged among themselves, what is known stays until the first answers. */
  begin(): void;
  /** A pong: instants of sending and receiving on the monotonic clock, and the server's now between them. */
  sample(sentAt: number, receivedAt: number, serverNow: number): void;
  /** The server's now in any other message: it has been at least that late since. */
  hear(serverNow: number): void;
};

/**
 * A clock set by the server alone.
 *
 * Why: the offset of the fastest ping is off by at most half its round trip, however wrong the computer's own clock is; and since
 *      a monotonic clock may stand still while the computer sleeps, any later word of the server pulls the clock forward.
 */
export function serverClock(monotonicNow: () => number): ServerClock {
  let offset: number | null = null;
  let bestRoundTrip: number | null = null;
  let isFresh = true;
  return {
    now: () => (offset === null ? null : Math.round(monotonicNow() + offset)),
    errorMs: () => (bestRoundTrip === null ? null : bestRoundTrip / 2),
    begin() {
      isFresh = true;
    },
    sample(sentAt, receivedAt, serverNow) {
      const roundTrip = receivedAt - sentAt;
      if (roundTrip < 0) return;
      if (!isFresh && bestRoundTrip !== null && roundTrip >= bestRoundTrip) return;
      isFresh = false;
      bestRoundTrip = roundTrip;
      offset = serverNow - (sentAt + receivedAt) / 2;
    },
    hear(serverNow) {
      const least = serverNow - monotonicNow();
      if (offset === null || least > offset) offset = least;
    },
  };
}
