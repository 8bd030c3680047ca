/** Hashes by Node.js, for handing to the pure core: SHA-256, and others by their object identifiers. */
import { hash } from 'node:crypto';
import { toBase64Url } from './core/log/base64.ts';
import { HASH_BYTES } from './core/log/hash.ts';
import { utf8 } from './core/log/utf8.ts';

/**
 * SHA-256 of all bytes given.
 *
 * Returns: 32 bytes with a buffer of their own (a plain Uint8Array, so that it compares equal to the browser's).
 * Why:     the core takes its hash function as an argument; this one does 2,000,000 short hashes a second.
 */
export function sha256(data: Uint8Array): Uint8Array {
  return bytesOf(hash('sha256', data, 'binary'));
}

/**
 * SHA-256 of a text's UTF-8.
 *
 * Shape: a text that `canonicalise` made or took: a lone surrogate, which has no UTF-8 form, would be hashed as U+FFFD.
 */
export function sha256OfText(text: string): Uint8Array {
  return bytesOf(hash('sha256', text, 'binary'));
}

/** By way of a text: a Buffer lies outside the heap, and to make and to forget one costs twice the hash. */
function bytesOf(digest: string): Uint8Array {
  const bytes = new Uint8Array(HASH_BYTES);
  for (let n = 0; n < HASH_BYTES; n++) bytes[n] = digest.charCodeAt(n);
  return bytes;
}

/** base64url SHA-256 of a text's UTF-8 bytes: the core's `digest`. */
export function digestText(text: string): string {
  // The core's own encoding refuses a lone surrogate, for which Node.js would hash U+FFFD.
  if (LONE_SURROGATE.test(text)) return toBase64Url(sha256(utf8(text)));
  return hash('sha256', text, 'base64url');
}

const LONE_SURROGATE = /\p{Surrogate}/u;

const BY_OID: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** The core's `Digest`: SHA-1 (which only names certificates there), SHA-256, SHA-384 or SHA-512; undefined for any other OID. */
export function digestByOid(oid: string, bytes: Uint8Array): Uint8Array | undefined {
  const name = Object.hasOwn(BY_OID, oid) ? BY_OID[oid] : undefined;
  return name === undefined ? undefined : new Uint8Array(hash(name, bytes, 'buffer'));
}
