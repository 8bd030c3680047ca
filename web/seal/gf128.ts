/** The field of GHASH, GF(2^128): blocks as numbers, multiplied by hand; a few products for each piece of a content, never one for each block. */

/** Source: NIST SP 800-38D §6.3: the polynomial's low half, bits in GCM's own order. */
const REDUCTION = 0xe1n << 120n;
const ONE = 1n << 127n;
/** Exponent of the inverse: 2^128 − 2. */
const INVERSE = (1n << 128n) - 2n;

export function multiply(x: bigint, y: bigint): bigint {
  let product = 0n;
  let shifted = y;
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ REDUCTION : shifted >> 1n;
  }
  return product;
}

export function power(base: bigint, exponent: bigint): bigint {
  let result = ONE;
  let square = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

export const inverse = (x: bigint): bigint => power(x, INVERSE);

/** 16 bytes as GCM reads them, big-endian. */
export function blockNumber(block: Uint8Array): bigint {
  const view = new DataView(block.buffer, block.byteOffset, 16);
  return (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
}

export function numberBlock(number: bigint): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, number >> 64n);
  view.setBigUint64(8, number & ((1n << 64n) - 1n));
  return new Uint8Array(view.buffer);
}
