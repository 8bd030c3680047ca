/** A hash that is computed at the other end of a port, a few pieces behind. */
import type { Hashing } from '../../server/client/seal-layer.ts';
import type { HashAnswer, HashPort, HashRequest } from './hash-messages.ts';

/** Pieces on their way at once: so far may hashing fall behind before it is waited for, and so much memory it costs. */
export const PIECES_AHEAD = 4;

/**
 * Starts a hash there, an HMAC under a key that is copied.
 *
 * Shape: bytes that fill their buffer go over with it and are gone here; others are copied.
 */
export function hashElsewhere(port: HashPort, hmacKey: Uint8Array | null): Hashing {
  let onTheWay = 0;
  let wake: () => void = () => undefined;
  let finish: (digest: Uint8Array) => void = () => undefined;
  port.onmessage = ({ data }: MessageEvent<HashAnswer>) => {
    if (data.kind === 'digest') return finish(data.digest);
    onTheWay -= 1;
    return wake();
  };
  const ask = (request: HashRequest, moved: Transferable[] = []): void => port.postMessage(request, moved);
  ask({ kind: 'start', hmacKey });
  return {
    async update(bytes) {
      const whole = bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
      ask({ kind: 'bytes', bytes: whole }, [whole.buffer as ArrayBuffer]);
      onTheWay += 1;
      while (onTheWay >= PIECES_AHEAD)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    digest: () =>
      new Promise((resolve) => {
        finish = resolve;
        ask({ kind: 'end' });
      }),
  };
}
