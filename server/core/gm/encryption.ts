/** SM2 public-key encryption of short secrets over the curve's own arithmetic; SM3 and chance are handed in. */
import { joinBytes, uint32Bytes } from '../log/bytes.ts';
import { fieldBytes, fieldNumber, readSm2Point, SM2_CURVE, SM2_FIELD_BYTES, Sm2Point } from './curve.ts';
import type { Sm2Ciphertext } from './der.ts';
import type { Sm3 } from './identity.ts';

/** A scalar is out of range once in 2^32 draws; more in a row mean that the randomness is none. */
const DRAWS = 8;

/**
 * Encrypts a short message (a content key) to a public key.
 *
 * Shape:   `publicKey` 04 ‖ x ‖ y; `randomBytes` from a cryptographic source: whoever knows the scalar knows the message.
 * Throws:  RangeError for a key off the curve, an empty message, randomness that yields no scalar.
 * Why:     over @noble/curves, which the project has anyway, and not sm-crypto-v2: that one brings a second copy of the same curve
 *          code, takes trailing bytes and points unchecked, and what is left of it for us is this file.
 * Source:  GM/T 0003.4-2012 §6.1, in the order C1 C3 C2 of GM/T 0009.
 */
export function encryptSm2(
  sm3: Sm3,
  publicKey: Uint8Array,
  message: Uint8Array,
  randomBytes: (length: number) => Uint8Array,
): Sm2Ciphertext {
  const recipient = readSm2Point(publicKey);
  if (recipient === undefined) throw new RangeError('no SM2 public key');
  if (message.length === 0) throw new RangeError('an empty message');
  for (let draw = 0; draw < DRAWS; draw++) {
    const drawn = randomBytes(SM2_FIELD_BYTES);
    const scalar = readScalar(drawn);
    drawn.fill(0);
    if (scalar === undefined) continue;
    const shared = recipient.multiply(scalar);
    const mask = deriveMask(sm3, shared, message.length);
    if (mask === undefined) continue;
    const c2 = xor(message, mask);
    mask.fill(0);
    return { c1: Sm2Point.BASE.multiply(scalar).toBytes(false), c3: check(sm3, shared, message), c2 };
  }
  throw new RangeError('the randomness yields no scalar');
}

/**
 * Decrypts what `encryptSm2`, OpenSSL or a token encrypted.
 *
 * Shape:   `privateKey` 32 bytes.
 * Returns: the message, which the caller erases; undefined when it was not encrypted to this key, or was changed.
 * Why:     @noble multiplies without branching on the scalar, but JavaScript promises nothing about time: this is for the
 *          bidder's own machine, where one ciphertext is opened at its holder's wish; no server opens SM2 for strangers.
 * Source:  GM/T 0003.4-2012 §7.1.
 */
export function decryptSm2(sm3: Sm3, privateKey: Uint8Array, { c1, c3, c2 }: Sm2Ciphertext): Uint8Array | undefined {
  const scalar = readScalar(privateKey);
  const ephemeral = readSm2Point(c1);
  if (scalar === undefined || ephemeral === undefined || c2.length === 0) return undefined;
  const shared = ephemeral.multiply(scalar);
  const mask = deriveMask(sm3, shared, c2.length);
  if (mask === undefined) return undefined;
  const message = xor(c2, mask);
  mask.fill(0);
  if (isSameSecret(check(sm3, shared, message), c3)) return message;
  message.fill(0);
  return undefined;
}

/** A number in [1, n − 1] from 32 bytes. */
function readScalar(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== SM2_FIELD_BYTES) return undefined;
  const scalar = fieldNumber(bytes);
  return scalar > 0n && scalar < SM2_CURVE.n ? scalar : undefined;
}

/** t = KDF(x2 ‖ y2, length); undefined when it is all zero, which the standard forbids. Source: GM/T 0003.4-2012 §5.4.3. */
function deriveMask(sm3: Sm3, shared: Sm2Point, length: number): Uint8Array | undefined {
  const { x, y } = shared.toAffine();
  const secret = joinBytes(fieldBytes(x), fieldBytes(y));
  const blocks: Uint8Array[] = [];
  for (let counter = 1; blocks.length * SM2_FIELD_BYTES < length; counter++) {
    blocks.push(sm3(joinBytes(secret, uint32Bytes(counter))));
  }
  secret.fill(0);
  const mask = joinBytes(...blocks).slice(0, length);
  return mask.some((byte) => byte !== 0) ? mask : undefined;
}

/** C3 = SM3(x2 ‖ message ‖ y2). */
function check(sm3: Sm3, shared: Sm2Point, message: Uint8Array): Uint8Array {
  const { x, y } = shared.toAffine();
  const input = joinBytes(fieldBytes(x), message, fieldBytes(y));
  const hash = sm3(input);
  input.fill(0);
  return hash;
}

function xor(bytes: Uint8Array, mask: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, at) => byte ^ (mask[at] ?? 0));
}

/** Compared to the last byte whatever the first ones say. */
function isSameSecret(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (const [at, byte] of a.entries()) difference |= byte ^ (b[at] ?? 0);
  return difference === 0;
}
