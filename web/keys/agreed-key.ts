/** The key that wraps a content key between two P-256 keys, by WebCrypto. */
import { sha256 } from '@noble/hashes/sha2.js';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { sharedInfo } from '../../server/core/seal/key-agreement.ts';
import { inOwnMemory } from './own-memory.ts';

export const P256 = { name: 'ECDH', namedCurve: 'P-256' } as const;
const SHARED_BITS = 256;
const KDF_COUNTER = Uint8Array.of(0, 0, 0, 1);

/** For AES key wrap. Source: RFC 5753 §7.2: ECDH, X9.63 with SHA-256. */
export async function agreeOnKey(
  subtle: SubtleCrypto,
  own: CryptoKey,
  other: CryptoKey,
  use: 'wrapKey' | 'unwrapKey',
): Promise<CryptoKey> {
  const secret = new Uint8Array(await subtle.deriveBits({ name: 'ECDH', public: other }, own, SHARED_BITS));
  const wrapping = inOwnMemory(sha256(joinBytes(secret, KDF_COUNTER, sharedInfo())));
  secret.fill(0);
  const key = await subtle.importKey('raw', wrapping, 'AES-KW', false, [use]);
  wrapping.fill(0);
  return key;
}
