/** How a page asks its own platform, in the words of the client that it shares with the command line. */
import type { ClientWorld, Transport } from '../../server/client/transport.ts';

/** What a client may ask of this page; `now` is the server's as the page knows it, so that a computer whose clock is wrong or set does no harm. */
export function clientWorld(now: () => number): ClientWorld {
  return {
    now,
    after(delayMs, alarm) {
      const timer = setTimeout(alarm, delayMs);
      return () => clearTimeout(timer);
    },
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  };
}

export function pageTransport(world: ClientWorld): Transport {
  return { origin: location.origin, world, fetch: (...request: Parameters<typeof fetch>) => fetch(...request) };
}
