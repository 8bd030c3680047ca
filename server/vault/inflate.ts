/** Inflating by Node.js, for handing to the pure core. */
import { type InflateRaw, inflateRawSync } from 'node:zlib';
import type { Inflate } from '../core/seal/archive.ts';

/** Raw deflate data, whole; undefined when it is damaged, longer than allowed, or ends before `bytes` does. */
export const inflate: Inflate = (bytes, limit) => {
  try {
    // With `info` Node.js answers with the engine too, which says how much of the input it used; the types do not know.
    const answer = inflateRawSync(bytes, { maxOutputLength: Math.max(1, limit), info: true });
    const { buffer, engine } = answer as unknown as { buffer: Uint8Array; engine: InflateRaw };
    return engine.bytesWritten === bytes.length ? buffer : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
};
