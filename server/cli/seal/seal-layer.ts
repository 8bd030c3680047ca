/** One layer of an envelope on its way out: header, ciphertext, trailer as one stream, and what is promised of it. */
import { cekCommit, startContentCommit } from '../../core/seal/commitments.ts';
import { CIPHER_SHAPES, type ContentCipher } from '../../core/seal/content-cipher.ts';
import { writeEnvelope } from '../../core/seal/envelope-writing.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { sha256 } from '../../hash.ts';
import { startHmac } from '../../vault/content.ts';
import { startEncryption } from '../../vault/content-cipher.ts';
import { wrapTo } from './wrap.ts';

export type LayerRequest = {
  /** DER; whose key opens it. */
  certificate: Uint8Array;
  keyTransport: KeyTransport;
  /** By default AES-256-GCM. */
  cipher?: ContentCipher;
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
export function writeLayer({
  certificate,
  keyTransport,
  cipher = 'aes_256_gcm',
  cek,
  randomBytes,
}: LayerRequest): LayerWriter {
  const algorithm = { cipher, nonce: randomBytes(CIPHER_SHAPES[cipher].nonceBytes) };
  const recipient = wrapTo(certificate, keyTransport, cek);
  const encryption = startEncryption(algorithm, cek);
  const commit = startContentCommit(sha256, startHmac, cek);
  const promisedKey = cekCommit(sha256, cek);
  return {
    sealedBytes: (contentBytes) => writeEnvelope(recipient, algorithm, contentBytes).envelopeBytes,
    async *seal(contentBytes, content) {
      const { header, trailer } = writeEnvelope(recipient, algorithm, contentBytes);
      yield header;
      for await (const plaintext of content) {
        commit.update(plaintext);
        yield encryption.update(plaintext);
      }
      yield trailer(encryption.finish());
    },
    promises: () => ({ cekCommit: promisedKey, contentCommit: commit.digest() }),
  };
}
