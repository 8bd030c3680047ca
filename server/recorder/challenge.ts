/** The challenge a bidder's decryption must name: one for each bid and window key, derived, so that no restart forgets it. */
import { createHmac } from 'node:crypto';
import { toBase64Url } from '../core/log/base64.ts';

const CHALLENGE_BYTES = 16;

/**
 * The challenge's `jti`.
 *
 * Returns: base64url of 16 bytes of HMAC-SHA-256 under the vault key; nobody without it can guess one, and it is worth nothing
 *          before its window key stands on the log.
 */
export function challengeOf(vaultKey: Uint8Array, openingId: string, kid: string, bidId: string): string {
  const mac = createHmac('sha256', vaultKey).update(`decryption-challenge-v1\0${openingId}\0${kid}\0${bidId}`).digest();
  return toBase64Url(new Uint8Array(mac.subarray(0, CHALLENGE_BYTES)));
}
