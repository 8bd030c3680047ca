/** Looks again and again for acts that were received and that nobody decides: their process died, or never heard of them. */
import { readClock } from '../store/clock.ts';
import type { Sql } from '../store/driver.ts';
import type { World } from '../world.ts';
import { keepRhythm, type Rhythm } from './rhythm.ts';

/** How often. */
export const SWEEP_PERIOD_MS = 5_000;
/** How long an act must have waited: whoever received it decides it in much less. */
export const SWEEP_AGE_MS = 2_000;

/**
 * Wakes the keeper of every opening in which an act has waited for SWEEP_AGE_MS.
 *
 * Why: several processes may serve one database; what one of them received and took with it when it died would otherwise wait
 *      for the next act in that opening, and the end of a window with it. Two that sweep at once take turns at the opening's row.
 */
export function sweepIntake(
  { sql, world, onFault }: { readonly sql: Sql; readonly world: World; onFault(error: unknown): void },
  wake: (openingId: string) => void,
): Rhythm {
  return keepRhythm(
    world,
    SWEEP_PERIOD_MS,
    async () => {
      const until = (await readClock(sql, world)) - SWEEP_AGE_MS;
      const waiting = await sql<{ openingId: string }[]>`
        SELECT DISTINCT opening_id AS "openingId" FROM intake WHERE NOT decided AND received_at <= ${until}`;
      for (const { openingId } of waiting) wake(openingId);
    },
    onFault,
  );
}
