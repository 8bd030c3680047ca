/** A hash that is computed at the other end of a port, a few loads behind. */
import type { Hashing } from '../../server/client/seal-layer.ts';
import type { HashAnswer, HashPort, HashRequest } from './hash-messages.ts';

/** Sent over at once: few messages for each second of hashing. */
export const LOAD_BYTES = 1_048_576;
/** So far may hashing fall behind before it is waited for, and so much memory it costs. */
export const LOADS = 4;

/**
 * Starts a hash there, an HMAC under a key that is copied.
 *
 * Why: the same few loads go to and fro. Memory that is handed over for good is new memory the next time, which costs a browser more
 *      than to copy the bytes.
 */
export function hashElsewhere(port: HashPort, hmacKey: Uint8Array | null): Hashing {
  const free: ArrayBuffer[] = [];
  let made = 0;
  let load: Uint8Array<ArrayBuffer> | null = null;
  let filled = 0;
  let wake: () => void = () => undefined;
  let finish: (digest: Uint8Array) => void = () => undefined;
  port.onmessage = ({ data }: MessageEvent<HashAnswer>) => {
    if (data.kind === 'digest') return finish(data.digest);
    free.push(data.memory);
    return wake();
  };
  const ask = (request: HashRequest, moved: Transferable[] = []): void => port.postMessage(request, moved);

  async function emptyLoad(): Promise<Uint8Array<ArrayBuffer>> {
    for (;;) {
      const memory = free.pop();
      if (memory !== undefined) return new Uint8Array(memory);
      if (made < LOADS) {
        made += 1;
        return new Uint8Array(LOAD_BYTES);
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function send(): void {
    if (load === null) return;
    ask({ kind: 'bytes', memory: load.buffer, length: filled }, [load.buffer]);
    load = null;
    filled = 0;
  }

  ask({ kind: 'start', hmacKey });
  return {
    async update(bytes) {
      for (let from = 0; from < bytes.length; ) {
        load ??= await emptyLoad();
        const part = bytes.subarray(from, from + LOAD_BYTES - filled);
        load.set(part, filled);
        filled += part.length;
        from += part.length;
        if (filled === LOAD_BYTES) send();
      }
    },
    digest: () =>
      new Promise((resolve) => {
        finish = resolve;
        send();
        ask({ kind: 'end' });
      }),
  };
}
