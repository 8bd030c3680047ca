/** Waiting for an opening to come to something: its live socket followed as long as it holds, its pages asked when it does not. */
import type { PersonRole } from '../../core/opening/roles.ts';
import type { OpeningState } from '../../core/opening/state.ts';
import type { World } from '../../world.ts';
import { followLive } from './live-client.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export type Wait<Found> = {
  /** In which role to look on. */
  readonly role?: PersonRole;
  /** What is waited for: anything but null and false ends the wait. Asked of verified states only. */
  readonly until: (state: OpeningState) => Found | null | false;
  readonly signal?: AbortSignal;
};

/**
 * Waits for something to be so.
 *
 * Returns: what `until` found.
 * Throws:  PersonError wait_ended when the signal says so; what a contradiction of the log throws. A connection that breaks
 *          only makes it try again.
 */
export async function waitFor<Found>(
  person: Person,
  openingId: string,
  { role = 'public', until, signal }: Wait<Found>,
): Promise<Found> {
  const { world } = person;
  let found: Found | null | false = false;
  const look = (state: OpeningState): boolean => {
    found = until(state);
    return found !== null && found !== false;
  };
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    if (signal?.aborted) throw new PersonError('wait_ended');
    // Each time anew: what a broken socket missed, and all there is when sockets do not get through at all.
    if (look(await catchUp(person, openingId, role))) break;
    const followed = await followLive(person, openingId, role, look, signal);
    if (followed.isDone) break;
    if (followed.hasHeard) pauseMs = FIRST_PAUSE_MS;
    await pause(world, pauseMs);
  }
  return found as Found;
}

function pause(world: Pick<World, 'after'>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    world.after(ms, resolve);
  });
}
