/** Which lots a session has, asked again and again: the host may publish another while people look on. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Details } from '../../server/core/opening/details.ts';
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

/** What the logs themselves say of a session's lots, as far as they are verified; `foreign` are lots whose own log names another session, or none. */
export type LoggedLots = { readonly found: SessionLots; readonly foreign: ReadonlySet<string> };

/**
 * Holds the server's list against the logs.
 *
 * Shape: `detailsOf` gives what a lot's verified log says; null before anything of it is.
 * Why:   which lots there are, the server has to say; what each is called, and that it belongs here, its log says, and the log alone counts.
 */
export function asLogged(
  sessionId: string,
  found: SessionLots,
  detailsOf: (openingId: string) => Details | null,
): LoggedLots {
  const logged = found.openings.map(({ openingId, lot }) => ({ openingId, lot, details: detailsOf(openingId) }));
  const own = logged.flatMap(({ details }) => (details?.session?.id === sessionId ? [details.session] : []));
  return {
    found: {
      title: own[0]?.title ?? found.title,
      openings: logged.map(({ openingId, lot, details }) => ({ openingId, lot: details?.lot ?? lot })),
    },
    foreign: new Set(
      logged.flatMap(({ openingId, details }) =>
        details !== null && details.session?.id !== sessionId ? [openingId] : [],
      ),
    ),
  };
}
