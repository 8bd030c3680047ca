/** The curve sm2p256v1 of GM/T 0003.5 and the public keys on it; it holds no secret and decides no trust. */
import { weierstrass } from '@noble/curves/abstract/weierstrass.js';
import { joinBytes, sameBytes } from '../log/bytes.ts';

/** Source: GM/T 0003.5-2012 (GB/T 32918.5-2017), the recommended curve; the curve of the worked examples in GM/T 0003.2 is another. */
export const SM2_CURVE = {
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  a: 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  h: 1n,
  Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
} as const;

export const Sm2Point = weierstrass(SM2_CURVE);
export type Sm2Point = InstanceType<typeof Sm2Point>;

/** Bytes of a coordinate, a scalar, an SM3 hash. */
export const SM2_FIELD_BYTES = 32;
/** 04 ‖ x ‖ y. */
export const SM2_POINT_BYTES = 65;
const UNCOMPRESSED = 0x04;

/** SubjectPublicKeyInfo up to the point: id-ecPublicKey, the named curve 1.2.156.10197.1.301, a BIT STRING of 65 bytes. */
const SPKI_HEAD = Uint8Array.of(
  ...[0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
  ...[0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00],
);

/**
 * A point from 04 ‖ x ‖ y.
 *
 * Returns: undefined for any other length or form, for coordinates not below p, for a point off the curve; total.
 */
export function readSm2Point(bytes: Uint8Array): Sm2Point | undefined {
  if (bytes.length !== SM2_POINT_BYTES || bytes[0] !== UNCOMPRESSED) return undefined;
  try {
    return Sm2Point.fromBytes(bytes);
  } catch {
    // fromBytes has one way to fail once the form is right: these coordinates are no point.
    return undefined;
  }
}

/**
 * The public key of a SubjectPublicKeyInfo, as 04 ‖ x ‖ y.
 *
 * Returns: undefined unless it is exactly the one DER spelling of an SM2 key with its point on the curve; total.
 * Why:     parameters spelt out, or a compressed point, would be a second spelling of one key; no CA issues them.
 * Source:  GM/T 0015; RFC 5480 §2.
 */
export function readSm2PublicKey(spki: Uint8Array): Uint8Array | undefined {
  if (spki.length !== SPKI_HEAD.length + SM2_POINT_BYTES) return undefined;
  if (!sameBytes(spki.subarray(0, SPKI_HEAD.length), SPKI_HEAD)) return undefined;
  const point = Uint8Array.from(spki.subarray(SPKI_HEAD.length));
  return readSm2Point(point) === undefined ? undefined : point;
}

/** The SubjectPublicKeyInfo of a key given as 04 ‖ x ‖ y. Asserts: 65 bytes. */
export function writeSm2PublicKey(point: Uint8Array): Uint8Array {
  if (point.length !== SM2_POINT_BYTES) throw new RangeError(`a point has ${SM2_POINT_BYTES} bytes`);
  return joinBytes(SPKI_HEAD, point);
}

/** A coordinate or scalar as 32 big-endian bytes. */
export function fieldBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(SM2_FIELD_BYTES);
  let rest = value;
  for (let at = SM2_FIELD_BYTES - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Big-endian bytes as a number. */
export function fieldNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}
