/** What the vault says of a drawing: whether a sealed share is the promised one, and what is in those that nobody showed. */
import type { KeyObject } from 'node:crypto';
import { openSecret } from '../client/open-secret.ts';
import { toBase64Url } from '../core/log/base64.ts';
import { shareCommitment } from '../core/opening/draw.ts';
import { type Drawing, sharerOf } from '../core/opening/drawing.ts';
import type { Facts } from '../core/opening/facts.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { digestText } from '../hash.ts';
import { platformShare } from '../vault/draw-share.ts';
import { type KeySources, privateKeyOf } from './private-key.ts';

/**
 * Whether the sealed share of a submission is what it promises; null when there is no round that it could be for.
 *
 * Why: looked at when it is committed, for the reason that `commitShare` gives. Nothing of the share is kept.
 */
export async function lookAtShare(
  state: OpeningState,
  data: { readonly commitment: string; readonly sealed: string },
  bidder: number | null,
  sources: KeySources,
): Promise<Facts['sealedShare']> {
  const { drawing } = state;
  if (state.phase !== 'Drawing' || drawing?.stage !== 'committing') return null;
  const share = await openShare(state, drawing, data.sealed, await privateKeyOf(state.openingId, drawing.kid, sources));
  return { isSound: share !== null && commitmentOf(state, drawing, bidder, share) === data.commitment };
}

/** The platform's share and those that nobody showed; null when the vault cannot open one of them now. */
export async function openShares(state: OpeningState, sources: KeySources): Promise<Facts['drawShares']> {
  const { drawing } = state;
  if (state.phase !== 'Drawing' || drawing?.stage !== 'revealing') return null;
  const missing = drawing.shares.filter((share) => share.share === null);
  const opened = new Map<number | null, string>();
  if (missing.length > 0) {
    const key = await privateKeyOf(state.openingId, drawing.kid, sources);
    for (const { bidder, commitment, sealed } of missing) {
      const share = await openShare(state, drawing, sealed, key);
      if (share === null || commitmentOf(state, drawing, bidder, share) !== commitment) return null;
      opened.set(bidder, share);
    }
  }
  return { platform: platformShare(sources.vaultKey, state.openingId, drawing.round), opened };
}

async function openShare(
  { openingId }: OpeningState,
  { kid, round }: Drawing,
  sealed: string,
  key: KeyObject | null,
): Promise<string | null> {
  if (key === null) return null;
  const secret = await openSecret(sealed, key, kid, { about: 'draw_share', openingId, round });
  return secret === null ? null : toBase64Url(secret);
}

function commitmentOf({ openingId }: OpeningState, { round }: Drawing, bidder: number | null, share: string): string {
  return shareCommitment({ openingId, round }, { sharer: sharerOf(bidder), share }, digestText);
}
