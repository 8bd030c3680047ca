/** The identity digest Z with which every SM2 signature begins: it ties the signature to signer, curve and key. */
import { joinBytes } from '../log/bytes.ts';
import { utf8 } from '../log/utf8.ts';
import { fieldBytes, SM2_CURVE, SM2_POINT_BYTES } from './curve.ts';

/** SM3 of the bytes: 32 fresh bytes; handed in, as SHA-256 is. */
export type Sm3 = (data: Uint8Array) => Uint8Array;

/** The identity every certificate and every tool uses unless it is told another. Source: GM/T 0009-2012 §10. */
const DEFAULT_IDENTITY = utf8('1234567812345678');

/**
 * Z = SM3(ENTL ‖ ID ‖ a ‖ b ‖ xG ‖ yG ‖ xP ‖ yP), to be put before the message that SM3 then hashes for the signature.
 *
 * Shape:   `publicKey` 04 ‖ x ‖ y; ENTL is the identity's length in bits, 16 bits wide.
 * Why:     one identity for all: `crypto.verify('sm3')` and X509Certificate.verify of Node.js take the empty one instead, and so
 *          reject what every CA signs and accept what none does.
 * Source:  GM/T 0003.2-2012 §5.5; GM/T 0009-2012 §8.1.
 */
export function sm2IdentityDigest(sm3: Sm3, publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== SM2_POINT_BYTES) throw new RangeError(`a public key has ${SM2_POINT_BYTES} bytes`);
  const bits = DEFAULT_IDENTITY.length * 8;
  const { a, b, Gx, Gy } = SM2_CURVE;
  return sm3(
    joinBytes(
      Uint8Array.of(bits >> 8, bits & 0xff),
      DEFAULT_IDENTITY,
      ...[a, b, Gx, Gy].map(fieldBytes),
      publicKey.subarray(1),
    ),
  );
}
