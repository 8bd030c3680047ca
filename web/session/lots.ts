/** Which lots a session has, asked again and again: the host may publish another while people look on. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { PageWorld } from '../connection/page-world.ts';

/** Between two times of asking, ms. */
export const ASK_AGAIN_MS = 30_000;

const Answer = Type.Object({
  title: Type.String(),
  openings: Type.Array(
    Type.Object({
      openingId: Type.String(),
      lot: Type.Object({ code: Type.String(), name: Type.String() }),
    }),
  ),
});
export type SessionLots = Type.Static<typeof Answer>;

/** What is known of a session. `absent`: the server has no such session so far; `silent`: nobody answered yet. */
export type Finding = SessionLots | 'asking' | 'absent' | 'silent';

/** Reads the server's answer: null when it is none of ours. */
function readLots(answer: unknown): SessionLots | null {
  return Check(Answer, answer) ? answer : null;
}

/**
 * Asks for the lots of a session, at once and every half minute.
 *
 * Shape:   `ask` gives the answer as it came, null for no such session; it rejects with a TypeError when nobody answers, with a
 *          SyntaxError when the answer is no JSON.
 * Returns: a function that stops it.
 */
export function followLots(
  world: Pick<PageWorld, 'after'>,
  ask: () => Promise<unknown>,
  onChange: (finding: Finding) => void,
): () => void {
  let dropAlarm: (() => void) | null = null;
  let isStopped = false;
  let known: Finding = 'asking';

  /** Lots that are known stay while nobody answers. */
  function learn(finding: Finding): void {
    if (finding === 'silent' && typeof known === 'object') return;
    known = finding;
    onChange(finding);
  }
  async function look(): Promise<void> {
    try {
      const answer = await ask();
      const lots = answer === null ? 'absent' : (readLots(answer) ?? 'silent');
      if (!isStopped) learn(lots);
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
