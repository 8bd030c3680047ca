// A key held in shares, of a second layer 招标人解密 or of a blind window, as it stands: who holds shares of it, what was dealt to them, and who has given its share back.
import type { Static } from 'typebox';
import type { WindowKeySchema } from './details.ts';
import type { Knowable } from './events.ts';
import type { DecryptionFailure } from './findings.ts';
import type { HoldingRole } from './layer-commands.ts';
import type { LayerRules, Policy } from './policy.ts';
import { type Bid, isDecrypted, isUndecided, type OpeningState } from './state.ts';

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

/** A key as the log names it. */
export type NamedKey = { readonly kid: string; readonly key: Static<typeof WindowKeySchema> };

/** An opening key as it was dealt. Certificate and wrapped key are base64; digests base64url. */
export type OpeningKey = {
  /** What bids are sealed to; null of a blind window's key. */
  readonly certificate: string | null;
  readonly certSha256: string | null;
  /** What content keys are sealed to in a blind window; null of a second layer's key. */
  readonly windowKey: NamedKey | null;
  readonly wrappedKey: string;
  readonly secretCommit: string;
  readonly threshold: number;
  readonly shares: readonly DealtShare[];
};

/** A share that its holder gave and that is what was dealt; `sealed` is the JWE to the key that shares are sealed to. */
export type GivenShare = { readonly holder: number; readonly sealed: string };

export type Layer = {
  readonly holders: readonly KeyHolder[];
  readonly key: OpeningKey | null;
  readonly given: readonly GivenShare[];
  /** The platform's own key for the shares of a blind window, once they are asked for; of a second layer they are sealed to the window key. */
  readonly shareKey: NamedKey | null;
  /** Holders whose share was not what was dealt to them, once for each time. */
  readonly wrong: readonly number[];
  /** The time to give shares, half-open; the latest one, for after a remedy there is another. */
  readonly unsealing: {
    readonly opensAt: number;
    readonly closesAt: number;
    readonly closedAt: number | null;
  } | null;
};

export const NO_LAYER: Layer = { holders: [], key: null, given: [], shareKey: null, wrong: [], unsealing: null };

/** What the policy promises of a second layer; null where it promises none. */
export function layerRules({ tendererLayer }: Pick<Policy, 'tendererLayer'>): LayerRules | null {
  return tendererLayer === false ? null : tendererLayer;
}

/** What the policy promises of a blind window; null where it promises none. */
export function blindRules({ blindWindow }: Pick<Policy, 'blindWindow'>): LayerRules | null {
  return blindWindow === false ? null : blindWindow;
}

/** How the key of this opening is held, of a second layer or of a blind window; null where none is held in shares. No policy has both. */
export function sharingRules(policy: Pick<Policy, 'tendererLayer' | 'blindWindow'>): LayerRules | null {
  return layerRules(policy) ?? blindRules(policy);
}

/** The key that holders seal their shares to; null until there is one. */
export function shareKeyOf({ policy, window, layer }: OpeningState): NamedKey | null {
  return blindRules(policy) === null ? window : layer.shareKey;
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

/** The bids that wait for the holders: for their second layer, or in a blind window for whatever was received of them. */
export function waitingBids({ bids }: Pick<OpeningState, 'bids'>): readonly Bid[] {
  return bids.filter((bid) => isHalfOpen(bid) || isUndecided(bid));
}

/** Is the window key still with its holders, so that nobody can say yet what a received decryption opens? */
export function isWindowBlind(state: Pick<OpeningState, 'policy' | 'layer'>): boolean {
  return blindRules(state.policy) !== null && !isKeyGiven(state);
}

/** The holders who were dealt a share and have given none. */
export function missingHolders({ key, given }: Layer): readonly number[] {
  const dealt = key?.shares.map(({ holder }) => holder) ?? [];
  return dealt.filter((holder) => !given.some((share) => share.holder === holder));
}

/** Are there as many shares as the opening key needs? */
export function isKeyGiven({ layer: { key, given } }: Pick<OpeningState, 'layer'>): boolean {
  return key !== null && given.length >= key.threshold;
}

/** The bid once its second layer did not open: what the bidder did has come to nothing, and the log says whose failure it is. */
export function withLayerFailed(bid: Bid, failure: DecryptionFailure): Bid {
  const attempts = bid.attempts.map((a) => (a.outcome === 'decrypted' ? { ...a, outcome: failure } : a));
  return { ...bid, attempts };
}

/** The bid once the window key was not given: what was received of it has come to nothing, never by its bidder. */
export function withKeyNotGiven(bid: Bid): Bid {
  const attempts = bid.attempts.map((a) =>
    a.outcome === 'undecided' ? { ...a, outcome: 'window_key_not_given' as const } : a,
  );
  return { ...bid, attempts };
}
