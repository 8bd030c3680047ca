/** Which head of the ledger is shown to those who ask for its checkpoint: one that a quorum has signed, as long as that is not too old. */
import { formatInstant } from '../core/log/instant.ts';
import { readClock } from '../store/clock.ts';
import type { Sql } from '../store/driver.ts';
import { LogDamagedError, readCheckpoint } from '../store/read-log.ts';
import type { World } from '../world.ts';
import { cosignedHead, withCosignatures } from './cosignatures.ts';
import { type CosignerPolicy, quorumOf } from './cosigner-policy.ts';

/** How long a head waits for its quorum before it is shown without one. */
export const PUBLICATION_GRACE_MS = 3_000;

export type Head = { readonly size: number; readonly note: string };

/** The part of the leader: says how far the ledger is shown. */
export type Publisher = {
  /** Shows what a quorum has signed by now, or what has waited too long for it; never less than before. */
  advance(): Promise<void>;
};

export type PublisherParts = {
  readonly sql: Sql;
  readonly world: World;
  readonly signer: { released(origin: string): Head | null };
};

/**
 * Begins to say how far the ledger is shown, before the leader appends to it.
 *
 * Shape: without a quorum everything released is shown at once, and nothing is held. Where a quorum is asked for that was not before, what
 *        is released by now was shown, and is what it begins with.
 * Why:   a verifier with a policy wants its quorum, and a head has none for a moment. Receipts and proofs do not wait for it. The
 *        choice stands in one row that only grows: chosen anew by each process, it went back with a restart, a clock that was
 *        set back or another policy, and to a monitor a ledger that goes back is a fork.
 */
export async function openPublisher(parts: PublisherParts, origin: string, policy: CosignerPolicy): Promise<Publisher> {
  const { sql, world, signer } = parts;
  const isHeld = policy.quorum > 0;
  const released = (): number => signer.released(origin)?.size ?? 0;
  await sql`
    INSERT INTO published_head AS p (size, is_held) VALUES (${released()}, ${isHeld})
    ON CONFLICT (single) DO UPDATE SET is_held = ${isHeld},
      size = CASE WHEN p.is_held AND ${isHeld} THEN p.size ELSE greatest(p.size, EXCLUDED.size) END`;

  /** The newest head whose last entry is as old as the grace, above what is shown; null when there is none. */
  async function overdueSize(): Promise<number | null> {
    const madeBy = formatInstant((await readClock(sql, world)) - PUBLICATION_GRACE_MS);
    // instants of entries are all written alike, so that their texts stand in their order
    const [row] = await sql<{ size: number }[]>`
      SELECT c.size FROM checkpoints c JOIN entries e ON e.origin = c.origin AND e.seq = c.size - 1
      WHERE c.origin = ${origin} AND c.size <= ${released()} AND c.size > (SELECT size FROM published_head)
      AND (convert_from(e.bytes, 'UTF8')::json->>'at') COLLATE "C" <= ${madeBy}
      ORDER BY c.size DESC LIMIT 1`;
    return row?.size ?? null;
  }

  return {
    async advance() {
      if (!isHeld) return;
      const [cosigned, overdue] = await Promise.all([cosignedHead(sql, origin, quorumOf(policy)), overdueSize()]);
      const size = Math.max(cosigned?.size ?? 0, overdue ?? 0);
      // a checkpoint is stored behind its release: of a head that a cosigner signed in between it comes with the next round
      await sql`UPDATE published_head SET size = ${size} WHERE size < ${size}
        AND EXISTS (SELECT FROM checkpoints WHERE origin = ${origin} AND size = ${size})`;
    },
  };
}

/** What every process shows; it chooses nothing by itself. */
export type PublishedHead = {
  /** The head to show, given the newest released one; with whatever cosignatures it has. Throws: LogDamagedError. */
  of(released: Head): Promise<Head>;
};

export function createPublishedHead(sql: Sql, origin: string, policy: CosignerPolicy): PublishedHead {
  return {
    async of(released) {
      const [row] = await sql<{ size: number; isHeld: boolean }[]>`
        SELECT size, is_held AS "isHeld" FROM published_head`;
      if (row === undefined || !row.isHeld) return released;
      const note = await readCheckpoint(sql, origin, row.size);
      if (note === null) throw new LogDamagedError(origin, `the checkpoint of ${row.size} entries is missing`);
      return { size: row.size, note: await withCosignatures(sql, { size: row.size, note }, quorumOf(policy).vkeys) };
    },
  };
}
