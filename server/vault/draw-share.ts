/** The platform's own share of a drawing: derived from the vault key, so that genesis can promise it before anybody else has one. */
import { createHmac } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';
import { MAX_DRAW_ROUNDS, shareCommitment } from '../core/opening/draw.ts';

/**
 * The share of one round, base64url of 32 bytes.
 *
 * Shape: HMAC-SHA-256 under the vault key over `kaibiao-draw-platform-share-v1`, NUL, opening, NUL, round.
 * Why:   derived and not stored: it cannot be lost while the vault key is there, and a database restored or read by others tells
 *        nothing of it. A share that is shown says nothing of the vault key or of the next round's.
 */
export function platformShare(vaultKey: Uint8Array, openingId: string, round: number): string {
  const text = `kaibiao-draw-platform-share-v1\0${openingId}\0${round}`;
  return toBase64Url(createHmac('sha256', vaultKey).update(text).digest());
}

/** What genesis promises: one commitment for each round there can be. */
export function platformCommitments(
  vaultKey: Uint8Array,
  openingId: string,
  digest: (text: string) => string,
): string[] {
  return Array.from({ length: MAX_DRAW_ROUNDS }, (_, i) => {
    const round = i + 1;
    const share = platformShare(vaultKey, openingId, round);
    return shareCommitment({ openingId, round }, { sharer: 'platform', share }, digest);
  });
}
