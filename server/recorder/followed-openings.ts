/** Openings as a process sees them that does not decide: folded from the database and kept, and folded on when they have grown. */
import { openingOrigin } from '../core/log/origin.ts';
import type { Sql } from '../store/driver.ts';
import { type FoldedOpening, type KeptOpening, loadOpening } from './kept-opening.ts';

/** Openings kept; the one asked for longest ago goes first. */
const FOLLOWED_LIMIT = 200;

export type FollowedOpenings = {
  /** The opening as committed when it is asked for; null when its log has no entry. */
  keptOf(openingId: string): Promise<KeptOpening | null>;
};

type Followed = { folded: FoldedOpening | null; folding: Promise<FoldedOpening | null> | null };

/** Keeps the openings that are asked for, each folded once and then only by what it has grown. */
export function followOpenings(sql: Sql, platform: string): FollowedOpenings {
  const followed = new Map<string, Followed>();

  function entryOf(openingId: string): Followed {
    const known = followed.get(openingId) ?? { folded: null, folding: null };
    followed.delete(openingId);
    followed.set(openingId, known);
    for (const oldest of followed.keys()) {
      if (followed.size <= FOLLOWED_LIMIT) break;
      followed.delete(oldest);
    }
    return known;
  }

  async function fold(origin: string, openingId: string, known: Followed): Promise<FoldedOpening | null> {
    // One repeatable look: entries and acts of one instant.
    const folded = await sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (tx) => {
      const grown = await loadOpening(tx, origin, openingId, known.folded);
      // what was erased since is not kept in memory either
      return erasedIn(grown) === erasedIn(known.folded) ? grown : loadOpening(tx, origin, openingId);
    });
    known.folded = folded;
    return folded;
  }

  async function isCurrent({ folded }: Followed, sizes: Sizes): Promise<boolean> {
    return folded !== null && folded.state.size >= sizes.size && folded.register.size >= sizes.acts;
  }

  return {
    async keptOf(openingId) {
      const origin = openingOrigin(platform, openingId);
      const [sizes] = await sql<Sizes[]>`
        SELECT size, (SELECT coalesce(max(n) + 1, 0) FROM register_acts WHERE opening_id = ${openingId}) AS acts
        FROM logs WHERE origin = ${origin}`;
      if (sizes === undefined) return null;
      const known = entryOf(openingId);
      // Whoever folds already may have begun before what this caller must see was committed.
      while (!(await isCurrent(known, sizes))) {
        known.folding ??= fold(origin, openingId, known).finally(() => {
          known.folding = null;
        });
        if ((await known.folding) === null) return null;
      }
      return known.folded;
    },
  };
}

function erasedIn(folded: FoldedOpening | null): number {
  return folded?.state.erasures.filter(({ done }) => done).length ?? 0;
}

type Sizes = { readonly size: number; readonly acts: number };
