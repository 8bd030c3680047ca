/** Which lots a session has, asked again and again: the host may publish another while people look on. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { askAgain, type Found } from '../connection/ask-again.ts';
import type { PageWorld } from '../connection/page-world.ts';

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
export type Finding = Found<SessionLots>;

/** Asks for the lots of a session again and again. Shape: as `askAgain`. */
export function followLots(
  world: Pick<PageWorld, 'after'>,
  ask: () => Promise<unknown>,
  onChange: (finding: Finding) => void,
): () => void {
  return askAgain(world, ask, (answer) => (Check(Answer, answer) ? answer : null), onChange);
}
