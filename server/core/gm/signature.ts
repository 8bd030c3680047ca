/** SM2 signatures over the curve's own arithmetic, for the bidder's own machine where no OpenSSL is; SM3 and chance are handed in. */
import { joinBytes } from '../log/bytes.ts';
import { fieldBytes, fieldNumber, readSm2Point, SM2_CURVE, SM2_FIELD_BYTES, Sm2Point } from './curve.ts';
import { type Sm3, sm2IdentityDigest } from './identity.ts';

const { n } = SM2_CURVE;
/** A scalar is out of range once in 2^32 draws; more in a row mean that the randomness is none. */
const DRAWS = 8;

const modulo = (value: bigint): bigint => ((value % n) + n) % n;

/** value⁻¹ mod n by Fermat: n is a prime. */
function inverted(value: bigint): bigint {
  let result = 1n;
  let base = modulo(value);
  for (let exponent = n - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = modulo(result * base);
    base = modulo(base * base);
  }
  return result;
}

/** The public key of a scalar, 04 ‖ x ‖ y; undefined when it is not in [1, n − 2], the range of keys that can sign. */
export function sm2PublicKeyOf(privateKey: Uint8Array): Uint8Array | undefined {
  const scalar = fieldNumber(privateKey);
  if (privateKey.length !== SM2_FIELD_BYTES || scalar < 1n || scalar > n - 2n) return undefined;
  return Sm2Point.BASE.multiply(scalar).toBytes(false);
}

function digestNumber(sm3: Sm3, publicKey: Uint8Array, data: Uint8Array): bigint {
  return fieldNumber(sm3(joinBytes(sm2IdentityDigest(sm3, publicKey), data)));
}

/**
 * Signs, with the identity that certificates use.
 *
 * Shape:   `privateKey` 32 bytes; `randomBytes` from a cryptographic source: whoever knows the scalar of one signature knows the key.
 * Returns: r ‖ s.
 * Throws:  RangeError for a key out of range, and for randomness that yields no scalar.
 * Why:     JavaScript promises nothing about time: this is for the signer's own machine, at its holder's wish.
 * Source:  GM/T 0003.2-2012 §6.1.
 */
export function signSm2(
  sm3: Sm3,
  privateKey: Uint8Array,
  data: Uint8Array,
  randomBytes: (length: number) => Uint8Array,
): Uint8Array {
  const publicKey = sm2PublicKeyOf(privateKey);
  if (publicKey === undefined) throw new RangeError('no SM2 private key');
  const d = fieldNumber(privateKey);
  const e = digestNumber(sm3, publicKey, data);
  for (let draw = 0; draw < DRAWS; draw++) {
    const drawn = randomBytes(SM2_FIELD_BYTES);
    const k = fieldNumber(drawn);
    drawn.fill(0);
    if (k < 1n || k >= n) continue;
    const r = modulo(e + Sm2Point.BASE.multiply(k).toAffine().x);
    if (r === 0n || r + k === n) continue;
    const s = modulo(inverted(1n + d) * (k - r * d));
    if (s !== 0n) return joinBytes(fieldBytes(r), fieldBytes(s));
  }
  throw new RangeError('the randomness yields no scalar');
}

/**
 * Checks a signature.
 *
 * Shape:   `publicKey` 04 ‖ x ‖ y, `signature` r ‖ s.
 * Returns: false for a wrong signature, a key off the curve, numbers out of range; total.
 * Source:  GM/T 0003.2-2012 §7.1.
 */
export function checkSm2(sm3: Sm3, publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  const point = readSm2Point(publicKey);
  if (point === undefined || signature.length !== 2 * SM2_FIELD_BYTES) return false;
  const r = fieldNumber(signature.subarray(0, SM2_FIELD_BYTES));
  const s = fieldNumber(signature.subarray(SM2_FIELD_BYTES));
  const t = modulo(r + s);
  if (r < 1n || r >= n || s < 1n || s >= n || t === 0n) return false;
  const sum = Sm2Point.BASE.multiplyUnsafe(s).add(point.multiplyUnsafe(t));
  if (sum.is0()) return false;
  return modulo(digestNumber(sm3, publicKey, data) + sum.toAffine().x) === r;
}
