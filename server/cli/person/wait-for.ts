/** Waiting for an opening to come to something: its live socket followed as long as it holds, its pages asked when it does not. */

import { ApiError } from '../../client/transport.ts';
import type { PersonRole } from '../../core/opening/roles.ts';
import type { OpeningState } from '../../core/opening/state.ts';
import type { World } from '../../world.ts';
import { followLive } from './live-client.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';
import { catchUp } from './read-opening.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Waits for something to be so.
 *
 * Shape:   `role` in which to look on; `isSo` is asked of verified states only, at first of the one there is.
 * Returns: the state in which it is so.
 * Throws:  PersonError wait_ended when the signal says so; what a contradiction of the log throws. A connection that breaks
 *          only makes it try again.
 */
export async function waitFor(
  person: Person,
  openingId: string,
  role: PersonRole,
  isSo: (state: OpeningState) => boolean,
  signal?: AbortSignal,
): Promise<OpeningState> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    if (signal?.aborted) throw new PersonError('wait_ended');
    try {
      // Each time anew: what a broken socket missed, and all there is where sockets do not get through at all.
      const state = await catchUp(person, openingId, role);
      if (isSo(state)) return state;
      const followed = await followLive(person, openingId, role, isSo, signal);
      if (followed.state !== null) return followed.state;
      if (followed.hasHeard) pauseMs = FIRST_PAUSE_MS;
    } catch (error) {
      // A platform that is away for a while comes back; one that refuses has said so.
      if (!(error instanceof ApiError) || !mayPass(error)) throw error;
    }
    await pause(person.world, pauseMs, signal);
  }
}

function mayPass({ status }: ApiError): boolean {
  return status === 0 || status === 429 || status >= 500;
}

function pause(world: Pick<World, 'after'>, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const cancel = world.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    function stop(): void {
      cancel();
      resolve();
    }
    signal?.addEventListener('abort', stop, { once: true });
  });
}
