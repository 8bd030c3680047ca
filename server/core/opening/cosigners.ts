// The cosigners an opening is begun under: whose countersignatures its close waits for, and how many of them.

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
