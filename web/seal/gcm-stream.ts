/** AES-256-GCM in pieces over WebCrypto, which knows it only in one: CTR by itself, and GHASH out of GMACs, both native. */
import type { Encryption } from '../../server/client/seal-layer.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { GCM_TAG_BYTES, NONCE_BYTES } from '../../server/core/seal/content-cipher.ts';
import { inOwnMemory } from '../keys/own-memory.ts';
import { blockNumber, multiplierBy, numberBlock, power } from './gf128.ts';

const BLOCK_BYTES = 16;
const COUNTER_BITS = 32;
/** Counter 1 enciphers the tag; the content begins with the next. Source: NIST SP 800-38D §7.1. */
const TAG_COUNTER = 1;
const FIRST_COUNTER = 2;
/** The counter has 32 bits, of which two values are no block of the content. */
export const GCM_CONTENT_LIMIT_BYTES = (2 ** 32 - 2) * BLOCK_BYTES;

/**
 * Starts enciphering under a key and nonce that are used for nothing else.
 *
 * Throws: RangeError at the byte behind GCM_CONTENT_LIMIT_BYTES.
 * Why:    with the ciphertext of a piece as additional data and no plaintext, native GCM answers (GHASH of the piece · H) ^ E(J0), length
 *         block included. Less the length times H, that is the piece's own polynomial times H; pieces are chained by a power of H, and
 *         the bytes are those of GCM in one. The same key and nonce make all the GMACs; what
 *         they would tell whoever saw them, H, never leaves this worker.
 */
export async function startGcm(subtle: SubtleCrypto, cek: Uint8Array, nonce: Uint8Array): Promise<Encryption> {
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`a nonce of ${NONCE_BYTES} bytes`);
  const raw = inOwnMemory(cek);
  const [ctr, gcm] = await Promise.all(
    ['AES-CTR', 'AES-GCM'].map((name) => subtle.importKey('raw', raw, name, false, ['encrypt'])),
  );
  raw.fill(0);
  if (ctr === undefined || gcm === undefined) throw new Error('WebCrypto gave no key');
  const iv = inOwnMemory(nonce);
  const encipher = async (counter: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>) =>
    new Uint8Array(await subtle.encrypt({ name: 'AES-CTR', counter, length: COUNTER_BITS }, ctr, bytes));
  const zero = new Uint8Array(BLOCK_BYTES);
  const h = blockNumber(await encipher(zero, zero));
  const timesH = multiplierBy(h);
  const tagMask = blockNumber(await encipher(counterBlock(iv, TAG_COUNTER), zero));
  /** Of pieces of one length, and all but the last are, the power is the same. */
  let known = { blocks: 0, times: multiplierBy(0n) };
  /** What GHASH has come to, times H. */
  let hashTimesH = 0n;
  let doneBytes = 0;
  let rest = new Uint8Array(0);

  async function take(plaintext: Uint8Array): Promise<Uint8Array> {
    const counter = counterBlock(iv, FIRST_COUNTER + doneBytes / BLOCK_BYTES);
    const ciphertext = await encipher(counter, onItsOwn(plaintext));
    const additionalData = ciphertext;
    const mac = await subtle.encrypt(
      { name: 'AES-GCM', iv, additionalData, tagLength: 8 * GCM_TAG_BYTES },
      gcm as CryptoKey,
      new Uint8Array(0),
    );
    const lengthBlock = BigInt(ciphertext.length * 8) << 64n;
    const pieceTimesH = blockNumber(new Uint8Array(mac)) ^ tagMask ^ timesH(lengthBlock);
    const blocks = Math.ceil(ciphertext.length / BLOCK_BYTES);
    if (known.blocks !== blocks) known = { blocks, times: multiplierBy(power(h, BigInt(blocks))) };
    hashTimesH = known.times(hashTimesH) ^ pieceTimesH;
    doneBytes += ciphertext.length;
    return ciphertext;
  }

  return {
    async update(plaintext) {
      if (doneBytes + rest.length + plaintext.length > GCM_CONTENT_LIMIT_BYTES)
        throw new RangeError('more than one nonce may encipher');
      const joined = rest.length === 0 ? plaintext : joinBytes(rest, plaintext);
      const whole = joined.length - (joined.length % BLOCK_BYTES);
      rest = joined.slice(whole);
      return whole === 0 ? new Uint8Array(0) : take(joined.subarray(0, whole));
    },
    async finish() {
      const ciphertext = rest.length === 0 ? rest : await take(rest);
      const tag = hashTimesH ^ timesH(BigInt(doneBytes * 8)) ^ tagMask;
      return { ciphertext, tag: numberBlock(tag) };
    },
  };
}

function counterBlock(nonce: Uint8Array, counter: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(nonce);
  new DataView(block.buffer).setUint32(NONCE_BYTES, counter);
  return block;
}

/** WebCrypto takes a view, but not into memory that others share; where it is no such memory nothing is copied. */
function onItsOwn(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : inOwnMemory(bytes);
}
