/** SHA-256 and HMAC-SHA-256 in pieces, for contents too large to hold: WebCrypto hashes only what lies whole in memory. */
import { type StreamingHash, startBlockHash, startHmac } from '../../server/core/log/block-hash.ts';
import { compress } from './sha256-rounds.ts';

/** The first 32 bits of the fractional parts of the square roots of the first eight primes. Source: FIPS 180-4 §5.3.3. */
const IV = [2, 3, 5, 7, 11, 13, 17, 19].map((prime) => (Math.sqrt(prime) % 1) * 2 ** 32);

/** Starts a SHA-256, of 32 bytes. */
export function startSha256(): StreamingHash {
  return startBlockHash(IV, compress);
}

/** Starts an HMAC-SHA-256. Shape: `key` of at most 64 bytes, which the caller erases. */
export function startHmacSha256(key: Uint8Array): StreamingHash {
  return startHmac(startSha256, key);
}
