/** SHA-256 by Node.js, for handing to the pure core. */
import { hash } from 'node:crypto';
import { toBase64Url } from './core/log/base64.ts';
import { utf8 } from './core/log/utf8.ts';

/**
 * SHA-256 of all bytes given.
 *
 * Returns: 32 bytes with a buffer of their own (a plain Uint8Array, so that it compares equal to the browser's).
 * Why:     the core takes its hash function as an argument; this one does 500,000 short hashes a second.
 */
export function sha256(data: Uint8Array): Uint8Array {
  return plain(hash('sha256', data, 'buffer'));
}

/**
 * SHA-256 of a text's UTF-8.
 *
 * Shape: a text that `canonicalise` made or took: a lone surrogate, which has no UTF-8 form, would be hashed as U+FFFD.
 */
export function sha256OfText(text: string): Uint8Array {
  return plain(hash('sha256', text, 'buffer'));
}

function plain(digest: Buffer): Uint8Array {
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
}

/** base64url SHA-256 of a text's UTF-8 bytes: the core's `digest`. */
export function digestText(text: string): string {
  return toBase64Url(sha256(utf8(text)));
}
