/** Bytes that count how often a reader asks something of them, so that a hang shows by its steps and not by a clock. */

export class TooManySteps extends Error {
  override readonly name = 'TooManySteps';
}

/**
 * Hands `bytes` to `push`, cut at `cuts` (lengths, the rest follows whole), and counts what is taken from them.
 *
 * Returns: how many stretches were taken.
 * Throws:  TooManySteps above one a byte and one a chunk: a reader that goes on takes a byte each time at least.
 */
export function countSteps(bytes: Uint8Array, cuts: readonly number[], push: (chunk: Uint8Array) => void): number {
  let steps = 0;
  const limit = bytes.length + cuts.length + 2;

  class Counted extends Uint8Array<ArrayBuffer> {
    override subarray(begin?: number, end?: number): Uint8Array<ArrayBuffer> {
      steps += 1;
      if (steps > limit) throw new TooManySteps(`more than ${limit} steps for ${bytes.length} bytes`);
      return new Uint8Array(this.buffer).subarray(begin, end);
    }
  }

  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const piece = Uint8Array.from(bytes.subarray(at, at + Math.max(1, cuts[turn] ?? bytes.length)));
    const chunk = new Counted(piece.buffer);
    at += chunk.length;
    push(chunk);
  }
  return steps;
}
