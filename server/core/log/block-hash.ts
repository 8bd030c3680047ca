/** A hash over blocks of 64 bytes that come in pieces, as SHA-256 and SM3 both are, and HMAC over it. */

export const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Used no more once its digest was taken. */
export type StreamingHash = { update(bytes: Uint8Array): void; digest(): Uint8Array };

/** Takes the whole blocks of `view` from byte `from` to byte `to` into the state. */
export type Compress = (state: Int32Array, view: DataView, from: number, to: number) => void;

/**
 * Starts a hash of 32 bytes.
 *
 * Shape:  `iv` are its eight words. Behind the message come a one bit, zeroes, and its length in bits as 64 of them.
 * Source: FIPS 180-4 §5.1.1; GM/T 0004-2012 §5.2.
 */
export function startBlockHash(iv: readonly number[], compress: Compress): StreamingHash {
  const state = Int32Array.from(iv, (word) => word | 0);
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

/** Starts an HMAC. Shape: `key` of at most a block, which the caller erases. Throws: RangeError. Source: RFC 2104 §2. */
export function startHmac(start: () => StreamingHash, key: Uint8Array): StreamingHash {
  if (key.length > BLOCK_BYTES) throw new RangeError('a key longer than a block');
  const padded = (pad: number) => Uint8Array.from({ length: BLOCK_BYTES }, (_, n) => (key[n] ?? 0) ^ pad);
  const [inner, outer] = [start(), start()];
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
