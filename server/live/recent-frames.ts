/** The frames of one room that are kept for those who come or come back; it knows no viewer and makes no frame. */
import type { SharedFrame } from './outbox.ts';

/** What is kept of one room, bytes. */
export const RECENT_LIMIT_BYTES = 8 * 2 ** 20;

/** Frames at hand, the oldest going first when they are too many; the last one put is always kept. */
export function createRecentFrames(): {
  get(key: string): SharedFrame | undefined;
  put(key: string, frame: SharedFrame): void;
  /** Keeps none of them any longer. */
  clear(): void;
} {
  const frames = new Map<string, SharedFrame>();
  let bytes = 0;
  const weigh = (frame: SharedFrame): number =>
    [...frame.own.values()].reduce((sum, own) => sum + own.length, frame.bytes.length);
  const drop = (key: string): void => {
    const frame = frames.get(key);
    if (frame === undefined) return;
    bytes -= weigh(frame);
    frames.delete(key);
  };
  return {
    get: (key) => frames.get(key),
    clear() {
      frames.clear();
      bytes = 0;
    },
    put(key, frame) {
      drop(key);
      frames.set(key, frame);
      bytes += weigh(frame);
      for (const oldest of frames.keys()) {
        if (bytes <= RECENT_LIMIT_BYTES || oldest === key) break;
        drop(oldest);
      }
    },
  };
}
