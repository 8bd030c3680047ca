/** One layer of ciphertext on its way through its cipher, with the promise of its plaintext; what the plaintext is, others say. */
import { type StartHmac, startContentCommit } from '../core/seal/commitments.ts';
import type { ContentAlgorithm } from '../core/seal/content-cipher.ts';
import { sha256 } from '../hash.ts';
import { startDecryption } from './content-cipher.ts';

export type Deciphered = { isAuthentic: false } | { isAuthentic: true; contentCommit: string; contentBytes: number };

export type Deciphering = {
  /** Returns: plaintext that nothing vouches for yet. */
  update(ciphertext: Uint8Array): Uint8Array;
  finish(tag: Uint8Array): Deciphered;
};

/** Starts deciphering. The key stays the caller's to erase. */
export function startDeciphering(cek: Uint8Array, algorithm: ContentAlgorithm, startHmac: StartHmac): Deciphering {
  const decryption = startDecryption(algorithm, cek);
  const commit = startContentCommit(sha256, startHmac, cek);
  let contentBytes = 0;
  return {
    update(ciphertext) {
      const plaintext = decryption.update(ciphertext);
      contentBytes += plaintext.length;
      commit.update(plaintext);
      return plaintext;
    },
    finish(tag) {
      if (!decryption.accepts(tag)) return { isAuthentic: false };
      return { isAuthentic: true, contentCommit: commit.digest(), contentBytes };
    },
  };
}
