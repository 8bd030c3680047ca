/** One ciphertext, nonce and tag that open under two keys to two plaintexts: the attack that the promises of a bid are there for. */
import { createCipheriv } from 'node:crypto';

/** x^128 + x^7 + x^2 + x + 1 with the bits of GCM, the lowest degree first. */
const REDUCTION = 0xe1n << 120n;
const ONE = 1n << 127n;
const BLOCK = 16;

function multiply(x: bigint, y: bigint): bigint {
  let product = 0n;
  let shifted = y;
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ REDUCTION : shifted >> 1n;
  }
  return product;
}

/** x^(2^128 − 2), by Fermat the inverse. */
function inverse(x: bigint): bigint {
  let result = ONE;
  let power = x;
  for (let bit = 0; bit < 127; bit++) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const toBlock = (number: bigint): Uint8Array => Buffer.from(number.toString(16).padStart(32, '0'), 'hex');

function encryptBlock(key: Uint8Array, block: Uint8Array): bigint {
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  return toNumber(cipher.update(block));
}

function keyStream(key: Uint8Array, nonce: Uint8Array, length: number): Uint8Array {
  return createCipheriv('aes-256-ctr', key, Buffer.concat([nonce, Uint8Array.of(0, 0, 0, 2)])).update(
    new Uint8Array(length),
  );
}

/** GHASH of a ciphertext of whole blocks, and the mask of the tag. */
function tagOf(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array): { hashKey: bigint; tag: bigint } {
  const hashKey = encryptBlock(key, new Uint8Array(BLOCK));
  let hash = 0n;
  for (let at = 0; at < ciphertext.length; at += BLOCK) {
    hash = multiply(hash ^ toNumber(ciphertext.subarray(at, at + BLOCK)), hashKey);
  }
  hash = multiply(hash ^ BigInt(ciphertext.length * 8), hashKey);
  return { hashKey, tag: hash ^ encryptBlock(key, Buffer.concat([nonce, Uint8Array.of(0, 0, 0, 1)])) };
}

/**
 * Makes the ciphertext.
 *
 * Shape: under `keyA` the plaintext begins with `textA`; under `keyB` it has `textB` from `offsetB` on; one last block makes both tags
 *        equal.
 */
export function makeSalamander(
  nonce: Uint8Array,
  [keyA, textA]: readonly [Uint8Array, Uint8Array],
  [keyB, textB]: readonly [Uint8Array, Uint8Array],
): { ciphertext: Uint8Array; tag: Uint8Array; offsetB: number } {
  const whole = (length: number): number => Math.ceil(length / BLOCK) * BLOCK;
  const offsetB = whole(textA.length);
  const length = offsetB + whole(textB.length) + BLOCK;
  const [streamA, streamB] = [keyStream(keyA, nonce, length), keyStream(keyB, nonce, length)];
  const ciphertext = new Uint8Array(length);
  for (const [at, octet] of textA.entries()) ciphertext[at] = octet ^ (streamA[at] as number);
  for (const [at, octet] of textB.entries()) {
    ciphertext[offsetB + at] = octet ^ (streamB[offsetB + at] as number);
  }
  // The last block X adds X·H² to each tag: one linear equation decides it.
  const a = tagOf(keyA, nonce, ciphertext);
  const b = tagOf(keyB, nonce, ciphertext);
  const squares = multiply(a.hashKey, a.hashKey) ^ multiply(b.hashKey, b.hashKey);
  ciphertext.set(toBlock(multiply(a.tag ^ b.tag, inverse(squares))), length - BLOCK);
  return { ciphertext, tag: toBlock(tagOf(keyA, nonce, ciphertext).tag), offsetB };
}
