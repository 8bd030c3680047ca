/** The two content ciphers over node:crypto, as streams, both ways; which one an envelope has to have, others say. */
import {
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  createHmac,
  type Hmac,
  pbkdf2Sync,
  timingSafeEqual,
} from 'node:crypto';
import { type ContentAlgorithm, GCM_TAG_BYTES, writeAuthEncParams } from '../core/seal/content-cipher.ts';

export type ContentEncryption = {
  update(plaintext: Uint8Array): Uint8Array;
  /** The tag, once all is in. */
  finish(): Uint8Array;
};

export type ContentDecryption = {
  /** Returns: plaintext that nothing vouches for yet. */
  update(ciphertext: Uint8Array): Uint8Array;
  /** Whether all that went in is what the key's holder enciphered. */
  accepts(tag: Uint8Array): boolean;
};

const SM4_KEY_BYTES = 16;
const MAC_KEY_BYTES = 32;

/** Starts enciphering under a key and nonce that are used for nothing else. The key stays the caller's to erase. */
export function startEncryption({ cipher, nonce }: ContentAlgorithm, cek: Uint8Array): ContentEncryption {
  if (cipher === 'aes_256_gcm') {
    const gcm: CipherGCM = createCipheriv('aes-256-gcm', cek, nonce, { authTagLength: GCM_TAG_BYTES });
    return {
      update: (plaintext) => gcm.update(plaintext),
      finish() {
        gcm.final();
        return gcm.getAuthTag();
      },
    };
  }
  const sm4 = createCipheriv('sm4-ctr', ...sm4KeyAndCounter(cek, nonce));
  const mac = startMac(cek, nonce);
  return {
    update(plaintext) {
      const ciphertext = sm4.update(plaintext);
      mac.update(ciphertext);
      return ciphertext;
    },
    finish: () => mac.digest(),
  };
}

/**
 * Starts deciphering. The key stays the caller's to erase.
 *
 * Why: encrypt-then-MAC: the MAC is over the algorithms and the ciphertext, under a key of its own, and compared in constant time.
 *      Plaintext comes out before the MAC is known, as GCM's does before its tag: one pass at any size, quarantined until then.
 */
export function startDecryption({ cipher, nonce }: ContentAlgorithm, cek: Uint8Array): ContentDecryption {
  if (cipher === 'aes_256_gcm') {
    // Without authTagLength Node.js 20 would take a tag of 4 bytes for good.
    const gcm = createDecipheriv('aes-256-gcm', cek, nonce, { authTagLength: GCM_TAG_BYTES });
    return {
      update: (ciphertext) => gcm.update(ciphertext),
      accepts(tag) {
        gcm.setAuthTag(tag);
        try {
          gcm.final();
          return true;
        } catch {
          // final() has one way to fail: the tag does not fit.
          return false;
        }
      },
    };
  }
  const sm4 = createDecipheriv('sm4-ctr', ...sm4KeyAndCounter(cek, nonce));
  const mac = startMac(cek, nonce);
  return {
    update(ciphertext) {
      mac.update(ciphertext);
      return sm4.update(ciphertext);
    },
    accepts(tag) {
      const expected = mac.digest();
      return tag.length === expected.length && timingSafeEqual(expected, tag);
    },
  };
}

function sm4KeyAndCounter(cek: Uint8Array, counterBlock: Uint8Array): [key: Uint8Array, counterBlock: Uint8Array] {
  return [derive(cek, 'encryption', SM4_KEY_BYTES), counterBlock];
}

function startMac(cek: Uint8Array, counterBlock: Uint8Array): Hmac {
  const key = derive(cek, 'authentication', MAC_KEY_BYTES);
  const mac = createHmac('sm3', key).update(writeAuthEncParams(counterBlock));
  key.fill(0);
  return mac;
}

/** PBKDF2 of one iteration: HMAC-SM3(CEK, label ‖ 00000001), cut to length. Source: RFC 6476 §4.1. */
function derive(cek: Uint8Array, label: 'encryption' | 'authentication', bytes: number): Uint8Array {
  return pbkdf2Sync(cek, label, 1, bytes, 'sm3');
}
