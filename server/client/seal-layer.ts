/** One layer of an envelope on its way out: header, ciphertext, trailer as one stream, and what is promised of it; the ciphers are handed in. */
import { toBase64Url } from '../core/log/base64.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { cekCommit, contentCommitKey } from '../core/seal/commitments.ts';
import { CIPHER_SHAPES, type ContentAlgorithm, type ContentCipher } from '../core/seal/content-cipher.ts';
import { writeEnvelope } from '../core/seal/envelope-writing.ts';
import type { KeyTransport, Recipient } from '../core/seal/recipient-info.ts';

/** Bytes now or later: Node.js answers at once, a browser does not. */
type Soon<Value> = Value | Promise<Value>;

/** Takes the plaintext of one content in order, in pieces of any length; what comes out may lag behind by some bytes. */
export type Encryption = {
  update(plaintext: Uint8Array): Soon<Uint8Array>;
  /** Once all is in: what is left of the ciphertext, and the tag. */
  finish(): Soon<{ readonly ciphertext: Uint8Array; readonly tag: Uint8Array }>;
};

/** A hash or HMAC in pieces. The bytes given to `update` are the caller's again once it has answered. */
export type Hashing = { update(bytes: Uint8Array): Soon<void>; digest(): Soon<Uint8Array> };

/** What seals: the ciphers of Node.js or of a browser. A key that is handed over stays the caller's to erase. */
export type SealingMeans = {
  readonly sha256: Sha256;
  readonly randomBytes: (length: number) => Uint8Array;
  /** `certificate` is DER. Throws: SealError transport_not_for_key. */
  wrapTo(certificate: Uint8Array, keyTransport: KeyTransport, cek: Uint8Array): Soon<Recipient>;
  startEncryption(algorithm: ContentAlgorithm, cek: Uint8Array): Soon<Encryption>;
  /** HMAC-SHA-256 of a content, the longest of the works. */
  startHmac(key: Uint8Array): Hashing;
};

export type LayerRequest = {
  /** DER; whose key opens it. */
  certificate: Uint8Array;
  keyTransport: KeyTransport;
  /** By default AES-256-GCM. */
  cipher?: ContentCipher;
  /** The caller's to erase, once the layer is written. */
  cek: Uint8Array;
};

export type LayerWriter = {
  readonly recipient: Recipient;
  /** How long the layer becomes around so many bytes. */
  sealedBytes(contentBytes: number): number;
  /** The layer's bytes around `content`, which has exactly `contentBytes`. */
  seal(contentBytes: number, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** Once all is sealed: the promises of key and content. */
  promises(): Promise<{ cekCommit: string; contentCommit: string }>;
};

/** Starts a layer: one key, one nonce, one use. */
export async function writeLayer(
  { certificate, keyTransport, cipher = 'aes_256_gcm', cek }: LayerRequest,
  { sha256, randomBytes, wrapTo, startEncryption, startHmac }: SealingMeans,
): Promise<LayerWriter> {
  const algorithm = { cipher, nonce: randomBytes(CIPHER_SHAPES[cipher].nonceBytes) };
  const recipient = await wrapTo(certificate, keyTransport, cek);
  const encryption = await startEncryption(algorithm, cek);
  const commitKey = contentCommitKey(sha256, cek);
  const hmac = startHmac(commitKey);
  commitKey.fill(0);
  const promisedKey = cekCommit(sha256, cek);
  return {
    recipient,
    sealedBytes: (contentBytes) => writeEnvelope(recipient, algorithm, contentBytes).envelopeBytes,
    async *seal(contentBytes, content) {
      const { header, trailer } = writeEnvelope(recipient, algorithm, contentBytes);
      yield header;
      for await (const plaintext of content) {
        const ciphertext = await encryption.update(plaintext);
        await hmac.update(plaintext);
        yield ciphertext;
      }
      const { ciphertext, tag } = await encryption.finish();
      if (ciphertext.length > 0) yield ciphertext;
      yield trailer(tag);
    },
    promises: async () => ({ cekCommit: promisedKey, contentCommit: toBase64Url(await hmac.digest()) }),
  };
}
