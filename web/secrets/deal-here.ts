/** Deals an opening key with the browser's own ciphers: the key lives in this page for a moment and is kept nowhere. Fetched when something is dealt. */
import { sha256 } from '@noble/hashes/sha2.js';
import {
  type Dealing,
  type DealingMeans,
  dealBlindKey,
  dealingData,
  dealLayerKey,
} from '../../server/client/deal-key.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { GCM_TAG_BYTES } from '../../server/core/seal/content-cipher.ts';
import { inOwnMemory } from '../keys/own-memory.ts';

const BYTE_BITS = 8;

/** The command's data. Throws: SealError key_not_as_named. */
export async function dealHere(dealing: Dealing, isBlind: boolean): Promise<JsonObject> {
  const means = browserMeans(crypto.subtle);
  return dealingData(await (isBlind ? dealBlindKey : dealLayerKey)(means, dealing));
}

function browserMeans(subtle: SubtleCrypto): DealingMeans {
  const exported = async (form: 'spki' | 'pkcs8', key: CryptoKey) => new Uint8Array(await subtle.exportKey(form, key));
  return {
    sha256,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    async makeRsaKey(modulusLength) {
      const terms = {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: 'SHA-256',
      };
      const { publicKey, privateKey } = await subtle.generateKey(terms, true, ['sign', 'verify']);
      return {
        spki: await exported('spki', publicKey),
        pkcs8: await exported('pkcs8', privateKey),
        sign: async (bytes) => new Uint8Array(await subtle.sign(terms.name, privateKey, inOwnMemory(bytes))),
      };
    },
    async makeP256Key() {
      const { publicKey, privateKey } = await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, [
        'deriveBits',
      ]);
      const { x = '', y = '' } = await subtle.exportKey('jwk', publicKey);
      return { key: { kty: 'EC', crv: 'P-256', x, y }, pkcs8: await exported('pkcs8', privateKey) };
    },
    async encryptGcm(key, nonce, about, plaintext) {
      const secret = await subtle.importKey('raw', inOwnMemory(key), 'AES-GCM', false, ['encrypt']);
      const terms = {
        name: 'AES-GCM',
        iv: inOwnMemory(nonce),
        additionalData: inOwnMemory(about),
        tagLength: GCM_TAG_BYTES * BYTE_BITS,
      };
      return new Uint8Array(await subtle.encrypt(terms, secret, inOwnMemory(plaintext)));
    },
  };
}
