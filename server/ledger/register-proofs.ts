/** Proves that an act on a register stands in the ledger: from the database alone, in any process. */
import { sameBytes } from '../core/log/bytes.ts';
import { batchLeaf, batchLeaves, batchProof, batchRoot } from '../core/log/register-batch.ts';
import type { RegisterProof } from '../core/log/register-proof.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { sha256 } from '../hash.ts';
import type { Sql } from '../store/driver.ts';
import { LogDamagedError, proofOf, readEntries } from '../store/read-log.ts';

/** Trees kept in memory for the proofs that are asked for right after a batch; 128 KiB each. */
const KEPT_TREES = 8;

export type RegisterProofs = {
  /**
   * The proof that an act stands in the ledger, against its newest released head.
   *
   * Returns: null while no batch has taken the act, or there is no such act, or it was erased.
   * Throws:  LogDamagedError when what is stored of the batch does not have the root that was signed.
   */
  proofOfAct(actId: string): Promise<RegisterProof | null>;
  /** Remembers the leaves of a batch that has just been taken. */
  keepTree(batch: number, leaves: Uint8Array[]): void;
};

/** All leaves of a batch: the acts at their places, dummies everywhere else. */
export function leavesOf(
  seed: Uint8Array,
  acts: readonly (readonly [place: number, disclosure: string])[],
): Uint8Array[] {
  const leaves = acts.map(([place, disclosure]) => [place, batchLeaf(sha256, disclosure)] as const);
  return batchLeaves(sha256, seed, new Map(leaves));
}

/** The leaf of each act of a batch, by its place; of one that was erased it is all there is. */
export async function actLeaves(sql: Sql, batch: number): Promise<Map<number, Uint8Array>> {
  const members = await sql<{ position: number; disclosure: string; leaf: Uint8Array | null }[]>`
    SELECT m.position, a.disclosure, a.leaf FROM register_batch_members m JOIN register_acts a ON a.id = m.act_id
    WHERE m.batch = ${batch}`;
  return new Map(members.map(({ position, disclosure, leaf }) => [position, leaf ?? batchLeaf(sha256, disclosure)]));
}

/** `released` is the last head of the ledger that may be shown, null when there is none. */
export function createRegisterProofs(
  sql: Sql,
  origin: string,
  released: () => Promise<{ readonly size: number; readonly note: string } | null>,
): RegisterProofs {
  const trees = new Map<number, Uint8Array[]>();

  function keepTree(batch: number, leaves: Uint8Array[]): void {
    trees.set(batch, leaves);
    for (const kept of trees.keys()) {
      if (trees.size <= KEPT_TREES) break;
      trees.delete(kept);
    }
  }

  async function treeOf(batch: number, seed: Uint8Array, root: Uint8Array): Promise<Uint8Array[]> {
    const kept = trees.get(batch);
    if (kept !== undefined) return kept;
    const leaves = batchLeaves(sha256, seed, await actLeaves(sql, batch));
    if (!sameBytes(batchRoot(sha256, leaves), root))
      throw new LogDamagedError(origin, `the acts of batch ${batch} do not have its root`);
    keepTree(batch, leaves);
    return leaves;
  }

  return {
    keepTree,
    async proofOfAct(actId) {
      const head = await released();
      const [found] = await sql<
        { disclosure: string; position: number; batch: number; seed: Uint8Array; root: Uint8Array; seq: number }[]
      >`
        SELECT a.disclosure, m.position, m.batch, b.seed, b.root, b.ledger_seq AS seq
        FROM register_acts a JOIN register_batch_members m ON m.act_id = a.id JOIN register_batches b ON b.batch = m.batch
        WHERE a.id = ${actId} AND a.disclosure <> ''`;
      if (found === undefined || head === null || found.seq >= head.size) return null;
      const { disclosure, position, batch, seed, root, seq } = found;
      const leaves = await treeOf(batch, seed, root);
      const [entry] = await readEntries(sql, origin, seq, seq + 1);
      if (entry === undefined) throw new LogDamagedError(origin, `entry ${seq} is missing`);
      return {
        act: disclosure,
        batch: { index: position, hashes: batchProof(sha256, leaves, position) },
        entry: fromUtf8(entry.bytes),
        proof: await proofOf(sql, origin, seq, head.size, head.note),
      };
    },
  };
}
