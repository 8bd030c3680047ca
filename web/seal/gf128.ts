/** The field of GHASH, GF(2^128): blocks as numbers, multiplied by hand; two products for each piece of a content, never one for each block. */

/** Source: NIST SP 800-38D §6.3: the polynomial's low half, bits in GCM's own order. */
const REDUCTION = 0xe1n << 120n;
const ONE = 1n << 127n;

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

/** Bits looked up at once. */
const STEP = 4;

/** Multiplies by one factor many times: the products of every four bits of the other are made once. */
export function multiplierBy(factor: bigint): (x: bigint) => bigint {
  const products = Array.from({ length: 128 / STEP }, (_, place) =>
    Array.from({ length: 2 ** STEP }, (_, bits) => multiply(BigInt(bits) << BigInt(place * STEP), factor)),
  );
  return (x) => {
    let product = 0n;
    let left = x;
    for (const ofBits of products) {
      product ^= ofBits[Number(left & 15n)] as bigint;
      left >>= 4n;
    }
    return product;
  };
}

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
