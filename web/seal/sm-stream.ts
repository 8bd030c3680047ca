/** SM4-CTR with HMAC-SM3 in pieces, as the second profile has it: browsers know neither, so both are ours. */
import type { Encryption } from '../../server/client/seal-layer.ts';
import { hmacSm3, startHmacSm3 } from '../../server/core/gm/sm3.ts';
import { SM4_KEY_BYTES, startSm4Ctr } from '../../server/core/gm/sm4.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { writeAuthEncParams } from '../../server/core/seal/content-cipher.ts';

/** The first block of PBKDF2, counted from one, and there is no other. */
const BLOCK_NUMBER = Uint8Array.of(0, 0, 0, 1);

/**
 * Starts enciphering under a key and counter block that are used for nothing else. The key stays the caller's to erase.
 *
 * Source: server/core/seal/PROFILES.md; RFC 6476 §4.1: PBKDF2 of one iteration is one HMAC, and 32 bytes are one block of it.
 */
export function startSm(cek: Uint8Array, counterBlock: Uint8Array): Encryption {
  const derived = (label: string): Uint8Array => hmacSm3(cek, joinBytes(utf8(label), BLOCK_NUMBER));
  const [encryptionKey, macKey] = [derived('encryption'), derived('authentication')];
  const sm4 = startSm4Ctr(encryptionKey.subarray(0, SM4_KEY_BYTES), counterBlock);
  const mac = startHmacSm3(macKey);
  encryptionKey.fill(0);
  macKey.fill(0);
  mac.update(writeAuthEncParams(counterBlock));
  return {
    update(plaintext) {
      const ciphertext = sm4(plaintext);
      mac.update(ciphertext);
      return ciphertext;
    },
    finish: () => ({ ciphertext: new Uint8Array(0), tag: mac.digest() }),
  };
}
