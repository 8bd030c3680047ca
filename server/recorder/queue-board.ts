/** Tells every process who waits before the vault, and for how long; told each second, believed for a few. */
import { readClock } from '../store/clock.ts';
import type { Sql } from '../store/driver.ts';
import type { VaultPool, WaitingJob } from '../vault/pool.ts';
import type { World } from '../world.ts';
import { keepRhythm, type Rhythm } from './rhythm.ts';

/** How often what changes is told. */
export const BOARD_PERIOD_MS = 1_000;
/** What was told longer ago is not shown: its process may be dead. */
export const BOARD_AGE_MS = 5_000;

/** A place in the queue: jobs that start before, and how long that takes, ms, by what the vault has done so far. */
export type QueuePlace = { readonly ahead: number; readonly waitMs: number };

export type QueueBoardDeps = {
  readonly sql: Sql;
  readonly world: World;
  readonly pool: Pick<VaultPool, 'waiting'>;
  onFault(error: unknown): void;
};

/**
 * Writes the queue down for every opening of which something waits, and wipes what waits no more.
 *
 * Why: the queue is in the memory of the process that leads, and bidders ask whichever process they reach.
 */
export function keepQueueBoard({ sql, world, pool, onFault }: QueueBoardDeps): Rhythm {
  // what another process left behind is wiped the first time
  let isWritten = true;
  return keepRhythm(
    world,
    BOARD_PERIOD_MS,
    async () => {
      const rows = [...byOpening(pool.waiting())];
      if (rows.length === 0 && !isWritten) return;
      isWritten = rows.length > 0;
      const at = await readClock(sql, world);
      const openings = rows.map(([openingId]) => openingId);
      const waiting = rows.map(([, places]) => JSON.stringify(places));
      await sql`DELETE FROM vault_queues WHERE NOT opening_id = ANY (${openings}::text[])`;
      await sql`INSERT INTO vault_queues (opening_id, at, waiting)
        SELECT opening_id, ${at}, waiting FROM unnest(${openings}::text[], ${waiting}::text[]) AS t (opening_id, waiting)
        ON CONFLICT (opening_id) DO UPDATE SET at = excluded.at, waiting = excluded.waiting`;
    },
    onFault,
  );
}

type Place = [name: string, ahead: number, waitMs: number];

function byOpening(waiting: readonly WaitingJob[]): Map<string, Place[]> {
  const found = new Map<string, Place[]>();
  for (const { share, name, ahead, waitMs } of waiting)
    found.set(share, [...(found.get(share) ?? []), [name, ahead, waitMs]]);
  return found;
}

/** The place of a job that `jobName` names; null when it does not wait, or nobody has said for a while. */
export async function readQueuePlace(
  { sql, world }: { readonly sql: Sql; readonly world: World },
  openingId: string,
  name: string,
): Promise<QueuePlace | null> {
  const since = (await readClock(sql, world)) - BOARD_AGE_MS;
  const [row] = await sql<{ waiting: string }[]>`
    SELECT waiting FROM vault_queues WHERE opening_id = ${openingId} AND at > ${since}`;
  const place = row === undefined ? undefined : (JSON.parse(row.waiting) as Place[]).find(([other]) => other === name);
  return place === undefined ? null : { ahead: place[1], waitMs: place[2] };
}

/** What the vault's job for an attempt is called. */
export function jobName(bidder: number, attempt: number): string {
  return `${bidder}/${attempt}`;
}
