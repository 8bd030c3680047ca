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
  const digest = hash('sha256', data, 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
}

/** base64url SHA-256 of a text's UTF-8 bytes: the core's `digest`. */
export function digestText(text: string): string {
  return toBase64Url(sha256(utf8(text)));
}
