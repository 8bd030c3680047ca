/** How far a long work is: one line of the terminal, rewritten; nothing where no terminal is. */
import type { Io } from './io.ts';

/** Often enough to look alive, seldom enough to cost nothing. */
export const PROGRESS_EVERY_MS = 200;

const MEGABYTE = 1_000_000;

/** What somebody long at work tells of it: bytes done of all. */
export type Progress = (step: string, doneBytes: number, allBytes: number) => void;

/**
 * Shows steps by their names, each with its share, bytes and rate (`seal 42 % · 1,234 of 2,900 MB · 310 MB/s`).
 *
 * Shape: call `end` when the work is done, however it ended: the line is wiped.
 */
export function showProgress(io: Pick<Io, 'world' | 'rewrite'>): { readonly at: Progress; end(): void } {
  const { rewrite } = io;
  if (rewrite === undefined) return { at: () => undefined, end: () => undefined };
  let running = { step: '', sinceAt: 0, shownAt: Number.NEGATIVE_INFINITY };
  return {
    at(step, done, all) {
      const now = io.world.now();
      if (step !== running.step) running = { step, sinceAt: now, shownAt: Number.NEGATIVE_INFINITY };
      if (now - running.shownAt < PROGRESS_EVERY_MS && done < all) return;
      running.shownAt = now;
      rewrite(progressLine(step, done, all, now - running.sinceAt));
    },
    end: () => rewrite(''),
  };
}

function progressLine(step: string, done: number, all: number, elapsedMs: number): string {
  const share = all === 0 ? 100 : Math.floor((done / all) * 100);
  const megabytes = (bytes: number): string => Math.floor(bytes / MEGABYTE).toLocaleString('en');
  const rate = elapsedMs > 0 ? ` · ${megabytes((done / elapsedMs) * 1_000)} MB/s` : '';
  return `${step} ${share} % · ${megabytes(done)} / ${megabytes(all)} MB${rate}`;
}

/** Passes on what comes and tells how much it was so far. */
export async function* countBytes(
  source: AsyncIterable<Uint8Array>,
  at: (doneBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const bytes of source) {
    done += bytes.length;
    at(done);
    yield bytes;
  }
}
