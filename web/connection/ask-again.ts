/** Asks the server the same thing again and again, for what no log feeds: lists of openings, lots of a session. */
import type { PageWorld } from './page-world.ts';

/** Between two times of asking, ms. */
export const ASK_AGAIN_MS = 30_000;

/** What is known so far. `absent`: the server has no such thing; `silent`: nobody has answered yet. */
export type Found<Answer> = Answer | 'asking' | 'absent' | 'silent';

/**
 * Asks at once and every half minute.
 *
 * Shape:   `ask` gives the answer as it came, null for what is not there; it rejects with a TypeError when nobody answers, with a
 *          SyntaxError when the answer is no JSON. `read` gives null for an answer that is none of ours.
 * Returns: a function that stops it.
 */
export function askAgain<Answer extends object>(
  world: Pick<PageWorld, 'after'>,
  ask: () => Promise<unknown>,
  read: (answer: unknown) => Answer | null,
  onChange: (found: Found<Answer>) => void,
): () => void {
  let dropAlarm: (() => void) | null = null;
  let isStopped = false;
  let known: Found<Answer> = 'asking';

  /** What is known stays while nobody answers. */
  function learn(found: Found<Answer>): void {
    if (found === 'silent' && typeof known === 'object') return;
    known = found;
    onChange(found);
  }
  async function look(): Promise<void> {
    try {
      const answer = await ask();
      const found = answer === null ? 'absent' : (read(answer) ?? 'silent');
      if (!isStopped) learn(found);
    } catch (fault) {
      if (!(fault instanceof TypeError || fault instanceof SyntaxError)) throw fault;
      if (!isStopped) learn('silent');
    } finally {
      if (!isStopped) dropAlarm = world.after(ASK_AGAIN_MS, () => void look());
    }
  }
  void look();
  return () => {
    isStopped = true;
    dropAlarm?.();
  };
}
