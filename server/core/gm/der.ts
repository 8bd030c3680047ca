/** SM2 signatures and ciphertexts in strict DER: one spelling each, everything else is refused; it verifies and opens nothing. */
import { joinBytes } from '../log/bytes.ts';
import { CertificateError, type Der, derChildren, derInteger, expectTag, readDerAs, TAG } from '../pki/der.ts';
import { writeElement } from '../seal/der.ts';
import { fieldNumber, readSm2Point, SM2_CURVE, SM2_FIELD_BYTES, SM2_POINT_BYTES } from './curve.ts';

/** r ‖ s, 32 bytes each: the form in which a JWS carries a signature. */
export const SM2_SIGNATURE_BYTES = 2 * SM2_FIELD_BYTES;

export type Sm2Ciphertext = {
  /** The ephemeral point, 04 ‖ x ‖ y, on the curve. */
  readonly c1: Uint8Array;
  /** SM3 over x2 ‖ message ‖ y2. */
  readonly c3: Uint8Array;
  /** As long as the message. */
  readonly c2: Uint8Array;
};

/**
 * Reads `SEQUENCE { r INTEGER, s INTEGER }`.
 *
 * Returns: r ‖ s; undefined for anything but the one DER spelling of two numbers in [1, n − 1]; total.
 * Source:  GM/T 0009-2012 §7.3, GM/T 0003.2-2012 §6.1.
 */
export function readSm2Signature(der: Uint8Array): Uint8Array | undefined {
  return unlessMalformed(() => {
    const [r, s, more] = derChildren(readDerAs(der, TAG.sequence));
    if (more !== undefined) return undefined;
    const raw = joinBytes(readField(r), readField(s));
    return isSm2Signature(raw) ? raw : undefined;
  });
}

/** Whether r ‖ s are 64 bytes and both numbers lie in [1, n − 1]. */
export function isSm2Signature(raw: Uint8Array): boolean {
  if (raw.length !== SM2_SIGNATURE_BYTES) return false;
  return [raw.subarray(0, SM2_FIELD_BYTES), raw.subarray(SM2_FIELD_BYTES)].every((half) => {
    const value = fieldNumber(half);
    return value > 0n && value < SM2_CURVE.n;
  });
}

/** The DER of r ‖ s. Asserts: isSm2Signature. */
export function writeSm2Signature(raw: Uint8Array): Uint8Array {
  if (!isSm2Signature(raw)) throw new RangeError('no SM2 signature');
  return writeElement(
    TAG.sequence,
    writeInteger(raw.subarray(0, SM2_FIELD_BYTES)),
    writeInteger(raw.subarray(SM2_FIELD_BYTES)),
  );
}

/**
 * Reads `SEQUENCE { x INTEGER, y INTEGER, hash OCTET STRING (32), ciphertext OCTET STRING }`.
 *
 * Returns: undefined for anything but the one DER spelling, for a point off the curve, for an empty ciphertext; total.
 * Source:  GM/T 0009-2012 §7.2.
 */
export function readSm2Ciphertext(der: Uint8Array): Sm2Ciphertext | undefined {
  return unlessMalformed(() => {
    const [x, y, hash, ciphertext, more] = derChildren(readDerAs(der, TAG.sequence));
    if (more !== undefined) return undefined;
    const c1 = joinBytes(Uint8Array.of(0x04), readField(x), readField(y));
    const c3 = expectTag(hash, TAG.octetString).content;
    const c2 = expectTag(ciphertext, TAG.octetString).content;
    if (readSm2Point(c1) === undefined || c3.length !== SM2_FIELD_BYTES || c2.length === 0) return undefined;
    return { c1, c3, c2 };
  });
}

/** The DER that `readSm2Ciphertext` reads back. Asserts: the lengths. */
export function writeSm2Ciphertext({ c1, c3, c2 }: Sm2Ciphertext): Uint8Array {
  if (c1.length !== SM2_POINT_BYTES || c3.length !== SM2_FIELD_BYTES || c2.length === 0)
    throw new RangeError('no SM2 ciphertext');
  return writeElement(
    TAG.sequence,
    writeInteger(c1.subarray(1, 1 + SM2_FIELD_BYTES)),
    writeInteger(c1.subarray(1 + SM2_FIELD_BYTES)),
    writeElement(TAG.octetString, c3),
    writeElement(TAG.octetString, c2),
  );
}

/** A number that is not negative and fits 32 bytes, at that width. */
function readField(element: Der | undefined): Uint8Array {
  const bytes = derInteger(expectTag(element, TAG.integer));
  if ((bytes[0] ?? 0) >= 0x80) throw new CertificateError('der_value', 'a negative number');
  const digits = bytes[0] === 0 ? bytes.subarray(1) : bytes;
  if (digits.length > SM2_FIELD_BYTES) throw new CertificateError('der_value', 'a number of more than 256 bits');
  const field = new Uint8Array(SM2_FIELD_BYTES);
  field.set(digits, SM2_FIELD_BYTES - digits.length);
  return field;
}

/** INTEGER of an unsigned number, in the fewest bytes. */
function writeInteger(bytes: Uint8Array): Uint8Array {
  const from = bytes.findIndex((byte) => byte !== 0);
  const digits = from === -1 ? Uint8Array.of(0) : bytes.subarray(from);
  const isHigh = (digits[0] ?? 0) >= 0x80;
  return writeElement(TAG.integer, ...(isHigh ? [Uint8Array.of(0)] : []), digits);
}

function unlessMalformed<Value>(read: () => Value | undefined): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}
