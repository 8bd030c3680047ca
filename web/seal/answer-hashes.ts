/** The hashing end of a port. */

import type { StreamingHash } from '../../server/core/log/block-hash.ts';
import type { HashAnswer, HashPort, HashRequest } from './hash-messages.ts';
import { startHmacSha256, startSha256 } from './sha256-stream.ts';

/** Answers from now on. Asserts: the order start, bytes, end. */
export function answerHashes(port: HashPort): void {
  let hash: StreamingHash | null = null;
  const say = (answer: HashAnswer, moved: Transferable[] = []): void => port.postMessage(answer, moved);
  port.onmessage = ({ data }: MessageEvent<HashRequest>) => {
    if (data.kind === 'start') {
      hash = data.hmacKey === null ? startSha256() : startHmacSha256(data.hmacKey);
      data.hmacKey?.fill(0);
      return;
    }
    if (hash === null) throw new Error('bytes for a hash that was not begun');
    if (data.kind === 'bytes') {
      const { memory, length } = data;
      hash.update(new Uint8Array(memory, 0, length));
      say({ kind: 'taken', memory }, [memory]);
      return;
    }
    say({ kind: 'digest', digest: hash.digest() });
    hash = null;
  };
}
