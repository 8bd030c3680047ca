/** What a browser seals with, as the client's composition takes it. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Hashing, SealingMeans } from '../../server/client/seal-layer.ts';
import { startGcm } from './gcm-stream.ts';
import { startSm } from './sm-stream.ts';
import { wrapInBrowser } from './wrap.ts';

/** Shape: `startHmac` works here or in another thread. */
export function browserSealing(subtle: SubtleCrypto, startHmac: (key: Uint8Array) => Hashing): SealingMeans {
  return {
    sha256,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    wrapTo: (certificate, keyTransport, cek) => wrapInBrowser(subtle, certificate, keyTransport, cek),
    startHmac,
    async startEncryption({ cipher, nonce }, cek) {
      return cipher === 'aes_256_gcm' ? startGcm(subtle, cek, nonce) : startSm(cek, nonce);
    },
  };
}
