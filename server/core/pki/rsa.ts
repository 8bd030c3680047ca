/** RSA signatures checked by arithmetic alone, for browsers, which have no check that answers at once; nothing secret comes near it. */
import { joinBytes, sameBytes, toHex, uint32Bytes } from '../log/bytes.ts';
import type { SchemeHash } from './signature-scheme.ts';

export type Hashes = Readonly<Record<SchemeHash, (bytes: Uint8Array) => Uint8Array>>;
export type RsaKey = { readonly modulus: bigint; readonly exponent: bigint };

/** DigestInfo up to the hash (RFC 8017 §9.2, note 1). */
const DIGEST_INFO: Readonly<Record<SchemeHash, readonly number[]>> = {
  sha256: [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
  ],
  sha384: [
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30,
  ],
  sha512: [
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40,
  ],
};
/** Exponents are short; OpenSSL lets longer ones pass with a short modulus only, and so do we. */
const EXPONENT_BITS = 64;
const ANY_EXPONENT_BITS = 3072;

const bitsOf = (value: bigint): number => value.toString(2).length;

/**
 * Checks a signature with PKCS#1 v1.5 padding, or with PSS where a salt length is given.
 *
 * Shape:   PSS with the mask of the same hash; exactly that salt length.
 * Returns: false for every signature that does not hold, and for keys that nobody makes: even, exponent below 3; total.
 * Source:  RFC 8017 §8.1.2, §8.2.2.
 * Why:     of PKCS#1 v1.5 the one encoding there is is made and compared: nothing of the signer's choice is parsed.
 */
export function verifyRsa(
  hashes: Hashes,
  { modulus, exponent }: RsaKey,
  { hash, saltLength }: { readonly hash: SchemeHash; readonly saltLength?: number },
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const bits = bitsOf(modulus);
  const length = Math.ceil(bits / 8);
  const isOdd = (modulus & exponent & 1n) === 1n;
  const isShort = bits <= ANY_EXPONENT_BITS || bitsOf(exponent) <= EXPONENT_BITS;
  const value = numberOf(signature);
  if (!isOdd || !isShort || exponent < 3n || signature.length !== length || value >= modulus) return false;
  const digest = hashes[hash](data);
  const opened = power(value, exponent, modulus);
  if (saltLength === undefined) {
    const expected = pkcs1(digest, hash, length);
    return expected !== undefined && sameBytes(bytesOf(opened, length), expected);
  }
  // as long as the modulus less one bit: of a modulus of 8n + 1 bits that is a byte less
  const encoded = bytesOf(opened, length);
  const begin = (bits - 1) % 8 === 0 ? 1 : 0;
  if (begin === 1 && encoded[0] !== 0) return false;
  return isPss(hashes[hash], encoded.subarray(begin), { digest, saltLength, bits: bits - 1 });
}

function pkcs1(digest: Uint8Array, hash: SchemeHash, length: number): Uint8Array | undefined {
  const info = joinBytes(Uint8Array.from(DIGEST_INFO[hash]), digest);
  const padding = length - info.length - 3;
  if (padding < 8) return undefined;
  return joinBytes(Uint8Array.of(0, 1), new Uint8Array(padding).fill(0xff), Uint8Array.of(0), info);
}

/** RFC 8017 §9.1.2. */
function isPss(
  hash: (bytes: Uint8Array) => Uint8Array,
  encoded: Uint8Array,
  { digest, saltLength, bits }: { readonly digest: Uint8Array; readonly saltLength: number; readonly bits: number },
): boolean {
  const maskedLength = encoded.length - digest.length - 1;
  if (maskedLength < saltLength + 1 || encoded[encoded.length - 1] !== 0xbc) return false;
  const masked = encoded.subarray(0, maskedLength);
  const own = encoded.subarray(maskedLength, encoded.length - 1);
  const free = 0xff >> (8 * encoded.length - bits);
  if (((masked[0] as number) & ~free) !== 0) return false;
  const mask = maskOf(hash, own, maskedLength);
  const block = masked.map((byte, at) => byte ^ (mask[at] as number));
  block[0] = (block[0] as number) & free;
  const saltAt = maskedLength - saltLength;
  if (block.subarray(0, saltAt - 1).some((byte) => byte !== 0) || block[saltAt - 1] !== 1) return false;
  return sameBytes(hash(joinBytes(new Uint8Array(8), digest, block.subarray(saltAt))), own);
}

/** MGF1 (RFC 8017 §B.2.1). */
function maskOf(hash: (bytes: Uint8Array) => Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let made = 0, n = 0; made < length; n++) {
    const part = hash(joinBytes(seed, uint32Bytes(n)));
    parts.push(part);
    made += part.length;
  }
  return joinBytes(...parts).subarray(0, length);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

function bytesOf(value: bigint, length: number): Uint8Array {
  const hex = value.toString(16).padStart(2 * length, '0');
  return Uint8Array.from({ length }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}
