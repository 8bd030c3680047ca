/** What shows of a batch, once nobody can be harmed by it, which of its places were dummies: all but the few that it names. */
import { fromBase64, toBase64 } from './base64.ts';
import { sameBytes } from './bytes.ts';
import type { Json, JsonObject } from './canonical.ts';
import { demand, recode } from './error.ts';
import { HASH_BYTES, type Sha256 } from './hash.ts';
import { BATCH_ACTS, BATCH_LEAVES, batchLeaves, batchRoot, dummyBytes, dummyLeaf } from './register-batch.ts';

/** Bytes of the seed that all dummies of a batch are made from. */
export const SEED_BYTES = 32;

/**
 * `batch` is the number of the batch's entry on the ledger, `acts` the leaf at each place where an act stands. A leaf tells
 * nothing of its act: a salt nobody is shown stands in it.
 */
export type Reveal = {
  readonly batch: number;
  readonly seed: Uint8Array;
  readonly acts: ReadonlyMap<number, Uint8Array>;
};

/** Body of the ledger's entry for a reveal; places ascend. Throws: `reveal_malformed` where it would not be read. */
export function revealBody({ batch, seed, acts }: Reveal): JsonObject {
  const places = [...acts].sort(([a], [b]) => a - b);
  const body = { batch, seed: toBase64(seed), acts: places.map(([place, leaf]) => [place, toBase64(leaf)]) };
  readReveal(body);
  return body;
}

/** Reads the body of a reveal's entry. Throws: `reveal_malformed`. */
export function readReveal(body: JsonObject): Reveal {
  return recode('reveal_malformed', () => {
    const { batch, seed, acts, ...more } = body;
    demand(Object.keys(more).length === 0, 'reveal_malformed', 'a member too many');
    demand(typeof batch === 'number' && Number.isSafeInteger(batch) && batch > 0, 'reveal_malformed', 'no batch');
    demand(Array.isArray(acts) && acts.length <= BATCH_ACTS, 'reveal_malformed', `more than ${BATCH_ACTS} acts`);
    const read = new Map<number, Uint8Array>();
    let last = -1;
    for (const one of acts as readonly Json[]) {
      demand(Array.isArray(one) && one.length === 2, 'reveal_malformed', 'an act is a place and a leaf');
      const [place, leaf] = one as readonly Json[];
      const isNext = typeof place === 'number' && Number.isSafeInteger(place) && place > last && place < BATCH_LEAVES;
      demand(isNext, 'reveal_malformed', 'places ascend, within the batch');
      read.set(place, readBytes(leaf, HASH_BYTES));
      last = place;
    }
    return { batch, seed: readBytes(seed, SEED_BYTES), acts: read };
  });
}

function readBytes(text: Json | undefined, length: number): Uint8Array {
  demand(typeof text === 'string', 'reveal_malformed', 'no text');
  const bytes = fromBase64(text);
  demand(bytes.length === length, 'reveal_malformed', `not ${length} bytes`);
  return bytes;
}

/**
 * Whether a reveal is that of the batch with this root.
 *
 * Returns: undefined when dummies and acts together have the root; else why not: `dummy_as_act` when a place that is said to
 *          hold an act holds the seed's own dummy, `root_differs` otherwise.
 */
export function checkReveal(
  sha256: Sha256,
  { seed, acts }: Reveal,
  root: Uint8Array,
): 'dummy_as_act' | 'root_differs' | undefined {
  for (const [place, leaf] of acts)
    if (sameBytes(leaf, dummyLeaf(sha256, dummyBytes(sha256, seed, place)))) return 'dummy_as_act';
  return sameBytes(batchRoot(sha256, batchLeaves(sha256, seed, acts)), root) ? undefined : 'root_differs';
}
