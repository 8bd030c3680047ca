/** What hashing looks like from here: the function is handed in, this room never picks an implementation. */

/** SHA-256 of the bytes: 32 fresh bytes that the caller may keep. */
export type Sha256 = (data: Uint8Array) => Uint8Array;

/** Length of a SHA-256 hash, in bytes. */
export const HASH_BYTES = 32;
