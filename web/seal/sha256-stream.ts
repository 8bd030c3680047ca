/** SHA-256 and HMAC-SHA-256 in pieces, for contents too large to hold: WebCrypto hashes only what lies whole in memory. */
import { compress } from './sha256-rounds.ts';

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
/** The first 32 bits of the fractional parts of the square roots of the first eight primes. Source: FIPS 180-4 §5.3.3. */
const IV = [2, 3, 5, 7, 11, 13, 17, 19].map((prime) => (Math.sqrt(prime) % 1) * 2 ** 32);

/** Used no more once its digest was taken. */
export type StreamingHash = { update(bytes: Uint8Array): void; digest(): Uint8Array };

/** Starts a SHA-256, of 32 bytes. */
export function startSha256(): StreamingHash {
  const state = Int32Array.from(IV, (word) => word | 0);
  const rest = new Uint8Array(BLOCK_BYTES);
  let restBytes = 0;
  let total = 0;

  function update(bytes: Uint8Array): void {
    total += bytes.length;
    let from = 0;
    if (restBytes > 0) {
      from = Math.min(BLOCK_BYTES - restBytes, bytes.length);
      rest.set(bytes.subarray(0, from), restBytes);
      restBytes += from;
      if (restBytes < BLOCK_BYTES) return;
      compress(state, viewOf(rest), 0, BLOCK_BYTES);
    }
    const to = from + Math.floor((bytes.length - from) / BLOCK_BYTES) * BLOCK_BYTES;
    compress(state, viewOf(bytes), from, to);
    rest.set(bytes.subarray(to), 0);
    restBytes = bytes.length - to;
  }

  return {
    update,
    digest() {
      const bits = total * 8;
      const blocks = Math.ceil((restBytes + 1 + LENGTH_BYTES) / BLOCK_BYTES);
      const padding = new Uint8Array(blocks * BLOCK_BYTES - restBytes);
      padding[0] = 0x80;
      const length = new DataView(padding.buffer, padding.length - LENGTH_BYTES);
      length.setUint32(0, Math.floor(bits / 2 ** 32));
      length.setUint32(4, bits % 2 ** 32);
      update(padding);
      const digest = new DataView(new ArrayBuffer(state.byteLength));
      state.forEach((word, n) => {
        digest.setInt32(4 * n, word);
      });
      return new Uint8Array(digest.buffer);
    },
  };
}

/** Starts an HMAC-SHA-256. Shape: `key` of at most 64 bytes, which the caller erases. Source: RFC 2104. */
export function startHmacSha256(key: Uint8Array): StreamingHash {
  if (key.length > BLOCK_BYTES) throw new RangeError('a key longer than a block');
  const padded = (pad: number) => Uint8Array.from({ length: BLOCK_BYTES }, (_, n) => (key[n] ?? 0) ^ pad);
  const [inner, outer] = [startSha256(), startSha256()];
  inner.update(padded(INNER_PAD));
  outer.update(padded(OUTER_PAD));
  return {
    update: inner.update,
    digest() {
      outer.update(inner.digest());
      return outer.digest();
    },
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
