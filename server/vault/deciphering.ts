/** One layer of ciphertext on its way through AES-256-GCM, with the promise of its plaintext; what the plaintext is, others say. */
import { createDecipheriv } from 'node:crypto';
import { type StartHmac, startContentCommit } from '../core/seal/commitments.ts';
import { GCM_TAG_BYTES } from '../core/seal/envelope.ts';
import { sha256 } from '../hash.ts';

export type Deciphered = { isAuthentic: false } | { isAuthentic: true; contentCommit: string; contentBytes: number };

export type Deciphering = {
  /** Returns: plaintext that nothing vouches for yet. */
  update(ciphertext: Uint8Array): Uint8Array;
  finish(tag: Uint8Array): Deciphered;
};

/** Starts deciphering. The key stays the caller's to erase. */
export function startDeciphering(cek: Uint8Array, nonce: Uint8Array, startHmac: StartHmac): Deciphering {
  // Without authTagLength Node.js 20 would take a tag of 4 bytes for good.
  const decipher = createDecipheriv('aes-256-gcm', cek, nonce, { authTagLength: GCM_TAG_BYTES });
  const commit = startContentCommit(sha256, startHmac, cek);
  let contentBytes = 0;
  return {
    update(ciphertext) {
      const plaintext = decipher.update(ciphertext);
      contentBytes += plaintext.length;
      commit.update(plaintext);
      return plaintext;
    },
    finish(tag) {
      decipher.setAuthTag(tag);
      try {
        decipher.final();
      } catch {
        // final() has one way to fail: the tag does not fit.
        return { isAuthentic: false };
      }
      return { isAuthentic: true, contentCommit: commit.digest(), contentBytes };
    },
  };
}
