// The cosigners an opening is begun under: whose countersignatures its close waits for, and how many of them.

/**
 * How long a close waits for the quorum, counted from the last entry that bears on it; ms.
 *
 * Why: bounded, for a cosigner that is away, replaced or hostile may not keep an opening from ever ending. A head is countersigned
 *      within about a second, so that what is not by then waits for somebody else to put it right; the close says that it did not wait.
 */
export const COSIGNED_WAIT_MS = 10_000;

export type Cosigners = { readonly quorum: number; readonly vkeys: readonly string[] };

/**
 * Can as many cosigners sign as must?
 *
 * Shape: a key that is listed twice is one cosigner.
 * Why:   the policy stands in the genesis and never changes; an opening that asks for three of two could never be closed.
 */
export function isWithinReach({ quorum, vkeys }: Cosigners): boolean {
  return quorum <= new Set(vkeys).size;
}
