/** Which head of the ledger is shown to those who ask for its checkpoint: one that a quorum has signed, as long as that is not too old. */
import type { Sql } from '../store/driver.ts';
import type { World } from '../world.ts';
import { cosignedHead, cosignedSize, withCosignatures } from './cosignatures.ts';
import { type CosignerPolicy, quorumOf } from './cosigner-policy.ts';

/** How long the newest head waits for its quorum before it is shown without one. */
export const PUBLICATION_GRACE_MS = 3_000;

export type Head = { readonly size: number; readonly note: string };

export type PublishedHead = {
  /** The head to show, given the newest released one; with whatever cosignatures it has. What was shown once is never gone back behind. */
  of(released: Head): Promise<Head>;
};

/**
 * The published head of the ledger.
 *
 * Why: a verifier with a policy wants its quorum, and a head has none for a moment. So a head is shown once it is cosigned, or after
 *      the grace: both only ever come true, so the newest such head never goes back. Receipts and proofs do not wait for it.
 */
export function createPublishedHead(
  { sql, world }: { readonly sql: Sql; readonly world: Pick<World, 'now'> },
  origin: string,
  policy: CosignerPolicy,
): PublishedHead {
  let shown: Head | null = null;
  /** The first head not shown yet, and when it was first seen. */
  let waiting: (Head & { readonly seenAt: number }) | null = null;

  async function choose(released: Head): Promise<Head> {
    if (shown !== null && released.size <= shown.size) return shown;
    const size = (await cosignedSize(sql, quorumOf(policy))) ?? 0;
    if (size >= released.size) return released;
    const cosigned = size > (shown?.size ?? 0) ? await cosignedHead(sql, origin, quorumOf(policy)) : null;
    if (waiting === null || waiting.size <= Math.max(size, shown?.size ?? 0))
      waiting = { ...released, seenAt: world.now() };
    const isOverdue = world.now() - waiting.seenAt >= PUBLICATION_GRACE_MS;
    if (isOverdue || (cosigned === null && shown === null)) return isOverdue ? waiting : released;
    return cosigned ?? shown ?? released;
  }

  return {
    async of(released) {
      if (policy.quorum === 0) return released;
      const chosen = await choose(released);
      if (shown === null || chosen.size > shown.size) shown = chosen;
      return { size: shown.size, note: await withCosignatures(sql, shown, quorumOf(policy).vkeys) };
    },
  };
}
