/** What Node.js seals with, as the client's composition takes it. */
import type { Encryption, SealingMeans } from '../../client/seal-layer.ts';
import type { ContentAlgorithm } from '../../core/seal/content-cipher.ts';
import { sha256 } from '../../hash.ts';
import { startHmac } from '../../vault/content.ts';
import { startEncryption } from '../../vault/content-cipher.ts';
import { wrapTo } from './wrap.ts';

export function nodeSealing(randomBytes: (length: number) => Uint8Array): SealingMeans {
  return { sha256, randomBytes, wrapTo, startHmac, startEncryption: startNodeEncryption };
}

function startNodeEncryption(algorithm: ContentAlgorithm, cek: Uint8Array): Encryption {
  const { update, finish } = startEncryption(algorithm, cek);
  return { update, finish: () => ({ ciphertext: new Uint8Array(0), tag: finish() }) };
}
