/** The register batches of a ledger and their reveals: each root is kept until the end, for a reveal may come years after its batch. */
import type { JsonObject } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { HASH_BYTES, type Sha256 } from '../core/log/hash.ts';
import { readBatch } from '../core/log/register-batch.ts';
import { checkReveal, type Reveal, readReveal } from '../core/log/register-reveal.ts';
import type { BatchCount } from './watcher.ts';
import { type Refused, refuse } from './words.ts';

const FIRST_CAPACITY = 64;

export type BatchWatch = {
  takeBatch(body: JsonObject, seq: number): Refused | undefined;
  /** `isProven`: it was found to be that of its batch before; to compute that takes 12,287 hashes. */
  takeReveal(body: JsonObject, seq: number, isProven?: boolean): Refused | undefined;
  count(): BatchCount;
};

/** Watches batches and reveals. It keeps 41 bytes for each batch: a year of them is some 130 MB. */
export function watchBatches(sha256: Sha256): BatchWatch {
  let seqs = new Float64Array(FIRST_CAPACITY);
  let roots = new Uint8Array(FIRST_CAPACITY * HASH_BYTES);
  let isRevealed = new Uint8Array(FIRST_CAPACITY);
  let taken = 0;
  let revealed = 0;

  function grow(): void {
    const [oldSeqs, oldRoots, oldRevealed] = [seqs, roots, isRevealed];
    seqs = new Float64Array(taken * 2);
    roots = new Uint8Array(taken * 2 * HASH_BYTES);
    isRevealed = new Uint8Array(taken * 2);
    seqs.set(oldSeqs);
    roots.set(oldRoots);
    isRevealed.set(oldRevealed);
  }

  /** Which batch stands in this entry: the numbers only grow, so it is found by halving. */
  function find(seq: number): number | undefined {
    let [from, to] = [0, taken];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((seqs[middle] as number) < seq) from = middle + 1;
      else to = middle;
    }
    return from < taken && seqs[from] === seq ? from : undefined;
  }

  return {
    takeBatch(body, seq) {
      const root = readOr(() => readBatch(body));
      if (root === null) return refuse('ledger_batch_malformed', { seq });
      if (taken === seqs.length) grow();
      seqs[taken] = seq;
      roots.set(root, taken * HASH_BYTES);
      taken += 1;
      return undefined;
    },
    takeReveal(body, seq, isProven = false) {
      const reveal: Reveal | null = readOr(() => readReveal(body));
      if (reveal === null) return refuse('ledger_reveal_malformed', { seq });
      const n = find(reveal.batch);
      const detail = `entry ${reveal.batch}`;
      if (n === undefined) return refuse('ledger_reveal_of_no_batch', { seq, detail });
      if (isRevealed[n] === 1) return refuse('ledger_reveal_repeated', { seq, detail });
      const root = roots.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES);
      const problem = isProven ? undefined : checkReveal(sha256, reveal, root);
      if (problem === 'dummy_as_act') return refuse('ledger_reveal_of_dummy_as_act', { seq, detail });
      if (problem === 'root_differs') return refuse('ledger_reveal_differs', { seq, detail });
      isRevealed[n] = 1;
      revealed += 1;
      return undefined;
    },
    count: () => ({ taken, revealed }),
  };
}

/** What is read; null when it is not of its form. */
function readOr<T>(read: () => T): T | null {
  try {
    return read();
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}
