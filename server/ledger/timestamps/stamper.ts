/** Has the ledger's heads time-stamped: those with an opening's last head at once, others in their rhythm; nothing waits for it. */
import { joinBytes } from '../../core/log/bytes.ts';
import type { Sql } from '../../store/driver.ts';
import { addTimestamp, lastTimestamp, wantedSize } from '../../store/timestamps.ts';
import type { World } from '../../world.ts';
import { askAuthority } from './ask-authority.ts';
import type { Authority } from './authorities.ts';

/** How often it is looked whether something wants a stamp. */
export const LOOK_PERIOD_MS = 1_000;
/** An authority that failed is left alone for this long, twice as long each further time, up to the longest. */
export const FIRST_PAUSE_MS = 5_000;
export const LONGEST_PAUSE_MS = 600_000;

export type StamperDependencies = {
  readonly sql: Sql;
  readonly world: World;
  readonly fetch: typeof fetch;
  /** The one asked first in front; the next is asked when one before it failed. */
  readonly authorities: readonly Authority[];
  /** How long the ledger may grow unstamped. */
  readonly periodMs: number;
  /** The ledger's newest note that may be stamped: cosigned where cosigners are asked; null when there is none. */
  newestNote(): Promise<{ readonly size: number; readonly note: string } | null>;
  /** Told of every authority that failed, of every list that could not be had, and of what the database throws. */
  readonly onFault: (error: unknown) => void;
};

export type Stamper = {
  /** Looks whether something wants a stamp and has it stamped, one look at a time; an authority that failed is told to onFault and tried again later. */
  look(): Promise<void>;
  /** The largest stamped size of the ledger as far as it has looked, and since when. */
  health(): { readonly size: number; readonly receivedAt: number | null };
};

type Failures = { readonly count: number; readonly againAt: number };

/**
 * Makes the stamper; who keeps it looking, every LOOK_PERIOD_MS, is the caller.
 *
 * The order: what is stamped and what wants a stamp is read from the tables → an authority is asked → its answer is judged → stored. A
 * crash anywhere leaves the tables as they were, and the next leader reads the same from them.
 */
export function createStamper(dependencies: StamperDependencies): Stamper {
  const { sql, world, authorities, periodMs, onFault } = dependencies;
  const asking = { world, fetch: dependencies.fetch, lists: new Map(), onListFault: onFault };
  const failures = new Map<string, Failures>();
  let last: { size: number; receivedAt: number | null } | null = null;

  async function isDue(size: number): Promise<boolean> {
    last ??= await lastTimestamp(sql);
    if (size <= last.size) return false;
    // an instant to come was kept by a clock that has been put back since
    const ageMs = last.receivedAt === null ? periodMs : world.now() - last.receivedAt;
    if (ageMs < 0 || ageMs >= periodMs) return true;
    const wanted = await wantedSize(sql, last.size);
    return wanted !== null && size >= wanted;
  }

  /** Asks one. Returns: whether it stamped. */
  async function isStampedBy(authority: Authority, { size, note }: { size: number; note: string }): Promise<boolean> {
    const failed = failures.get(authority.url);
    const pauseLeftMs = failed === undefined ? 0 : failed.againAt - world.now();
    if (pauseLeftMs > 0 && pauseLeftMs <= LONGEST_PAUSE_MS) return false;
    try {
      const stamped = await askAuthority(asking, authority, note);
      const { at: stampedAt, accuracyMs, policy, serial, response, revocation } = stamped;
      const receivedAt = world.now();
      await addTimestamp(sql, {
        ...{
          ledgerSize: size,
          note,
          authority: authority.url,
          stampedAt,
          accuracyMs,
          policy,
          serial,
          response,
          revocation,
        },
        path: joinBytes(...stamped.path.map(({ der }) => der)),
        crls: joinBytes(...stamped.crls),
        receivedAt,
      });
      last = { size, receivedAt };
      failures.delete(authority.url);
      return true;
    } catch (error) {
      const count = (failed?.count ?? 0) + 1;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - 1));
      failures.set(authority.url, { count, againAt: world.now() + pauseMs });
      onFault(error);
      return false;
    }
  }

  async function look(): Promise<void> {
    const newest = await dependencies.newestNote();
    if (newest === null || !(await isDue(newest.size))) return;
    for (const authority of authorities) if (await isStampedBy(authority, newest)) return;
  }

  return {
    look,
    health: () => last ?? { size: 0, receivedAt: null },
  };
}
