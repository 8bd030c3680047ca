/** One layer of an envelope on its way out: header, ciphertext, trailer as one stream, and what is promised of it. */
import { createCipheriv } from 'node:crypto';
import { cekCommit, startContentCommit } from '../../core/seal/commitments.ts';
import { GCM_TAG_BYTES, NONCE_BYTES } from '../../core/seal/envelope.ts';
import { writeEnvelope } from '../../core/seal/envelope-writing.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { sha256 } from '../../hash.ts';
import { startHmac } from '../../vault/content.ts';
import { wrapTo } from './wrap.ts';

export type LayerRequest = {
  /** DER; whose key opens it. */
  certificate: Uint8Array;
  keyTransport: KeyTransport;
  /** The caller's to erase, once the layer is written. */
  cek: Uint8Array;
  randomBytes: (length: number) => Uint8Array;
};

export type LayerWriter = {
  /** How long the layer becomes around so many bytes. */
  sealedBytes(contentBytes: number): number;
  /** The layer's bytes around `content`, which has exactly `contentBytes`. */
  seal(contentBytes: number, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** Once all is sealed: the promises of key and content. */
  promises(): { cekCommit: string; contentCommit: string };
};

/** Starts a layer: one key, one nonce, one use. */
export function writeLayer({ certificate, keyTransport, cek, randomBytes }: LayerRequest): LayerWriter {
  const nonce = randomBytes(NONCE_BYTES);
  const recipient = wrapTo(certificate, keyTransport, cek);
  const cipher = createCipheriv('aes-256-gcm', cek, nonce, { authTagLength: GCM_TAG_BYTES });
  const commit = startContentCommit(sha256, startHmac, cek);
  const promisedKey = cekCommit(sha256, cek);
  return {
    sealedBytes: (contentBytes) => writeEnvelope(recipient, nonce, contentBytes).envelopeBytes,
    async *seal(contentBytes, content) {
      const { header, trailer } = writeEnvelope(recipient, nonce, contentBytes);
      yield header;
      for await (const plaintext of content) {
        commit.update(plaintext);
        yield cipher.update(plaintext);
      }
      cipher.final();
      yield trailer(cipher.getAuthTag());
    },
    promises: () => ({ cekCommit: promisedKey, contentCommit: commit.digest() }),
  };
}
