// The second layer 招标人解密 as it stands: who holds shares of the opening key, what was dealt to them, and who has given its share back.
import type { Static } from 'typebox';
import type { WindowKeySchema } from './details.ts';
import type { Knowable } from './events.ts';
import type { HoldingRole } from './layer-commands.ts';
import type { LayerRules, Policy } from './policy.ts';
import { type Bid, isDecrypted, type OpeningState } from './state.ts';

/** Somebody who offered a key of its own, made for this opening, to which a share can be sealed. */
export type KeyHolder = {
  /** 1-based, in the order of the offers. */
  readonly holder: number;
  readonly role: HoldingRole;
  readonly kid: string;
  readonly key: Static<typeof WindowKeySchema>;
  /** Whose it is, where the viewer may know it. */
  readonly account: Knowable<string>;
};

export type DealtShare = {
  readonly holder: number;
  readonly commitment: string;
  /** The JWE to the holder's key. */
  readonly sealed: string;
  /** The holder has opened it and found it to be what it is promised to be. */
  readonly acknowledged: boolean;
};

/** An opening key as it was dealt. Certificate and wrapped key are base64; digests base64url. */
export type OpeningKey = {
  readonly certificate: string;
  readonly certSha256: string;
  readonly wrappedKey: string;
  readonly secretCommit: string;
  readonly threshold: number;
  readonly shares: readonly DealtShare[];
};

/** A share that its holder gave and that is what was dealt; `sealed` is the JWE to the window key. */
export type GivenShare = { readonly holder: number; readonly sealed: string };

export type Layer = {
  readonly holders: readonly KeyHolder[];
  readonly key: OpeningKey | null;
  readonly given: readonly GivenShare[];
  /** Holders whose share was not what was dealt to them, once for each time. */
  readonly wrong: readonly number[];
  /** The time to give shares, half-open; the latest one, for after a remedy there is another. */
  readonly unsealing: {
    readonly opensAt: number;
    readonly closesAt: number;
    readonly closedAt: number | null;
  } | null;
};

export const NO_LAYER: Layer = { holders: [], key: null, given: [], wrong: [], unsealing: null };

/** What the policy promises of a second layer; null where it promises none. */
export function layerRules({ tendererLayer }: Pick<Policy, 'tendererLayer'>): LayerRules | null {
  return tendererLayer === false ? null : tendererLayer;
}

/** The share dealt to a holder. */
export function shareDealtTo({ key }: Layer, holder: number): DealtShare | undefined {
  return key?.shares.find((share) => share.holder === holder);
}

/** Has the bidder opened its own layer, and the other one waits? Always false where the policy promises no second one. */
export function isHalfOpen(bid: Bid): boolean {
  return isDecrypted(bid) && !bid.isLayerOpen;
}

/** The bids whose second layer waits to be opened. */
export function halfOpenBids({ bids }: Pick<OpeningState, 'bids'>): readonly Bid[] {
  return bids.filter(isHalfOpen);
}

/** Are there as many shares as the opening key needs? */
export function isKeyGiven({ layer: { key, given } }: Pick<OpeningState, 'layer'>): boolean {
  return key !== null && given.length >= key.threshold;
}

/** The bid once its second layer did not open: what the bidder did has come to nothing, and the log says whose failure it is. */
export function withLayerFailed(
  bid: Bid,
  failure: Exclude<Bid['attempts'][number]['outcome'], 'undecided' | 'decrypted'>,
): Bid {
  const attempts = bid.attempts.map((a) => (a.outcome === 'decrypted' ? { ...a, outcome: failure } : a));
  return { ...bid, attempts };
}
