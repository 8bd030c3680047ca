/** Takes the content key out of the JWE of a decryption statement; it holds the key just long enough to hand it on and logs nothing. */
import type { KeyObject } from 'node:crypto';
import { compactDecrypt, errors } from 'jose';
import { CEK_BYTES } from '../core/seal/commitments.ts';
import { readSealedKeyHeader, SEALED_KEY_ALGORITHM, SEALED_KEY_ENCRYPTION } from '../core/seal/decryption.ts';
import { failed, type OpenFailure } from './judgement.ts';

/** What the protected header must bind the content key to. */
export type SealedKeyBinding = { kid: string; jti: string; envelopeSha256: string };

/**
 * Opens a sealed content key.
 *
 * Returns: the 32 bytes, which the caller erases; or a failure of the bidder's: `statement_invalid` for a header that binds the key
 *          to something else, `key_not_readable` when the JWE does not open or holds no content key.
 * Why:     the header is judged before any private key is used, so a JWE made for another opening, challenge or envelope is no use
 *          here; algorithms are fixed, since a JWE chooses its own otherwise.
 */
export async function readSealedKey(
  jwe: string,
  privateKey: KeyObject,
  binding: SealedKeyBinding,
): Promise<{ ok: true; cek: Uint8Array } | OpenFailure> {
  const header = readSealedKeyHeader(jwe);
  if (header === undefined) return failed('statement_invalid', 'sealed_key_header');
  if (header.kid !== binding.kid) return failed('statement_invalid', 'other_window_key');
  if (header.jti !== binding.jti) return failed('statement_invalid', 'other_challenge');
  if (header.envelopeSha256 !== binding.envelopeSha256) return failed('statement_invalid', 'other_envelope');
  try {
    const { plaintext } = await compactDecrypt(jwe, privateKey, {
      keyManagementAlgorithms: [SEALED_KEY_ALGORITHM],
      contentEncryptionAlgorithms: [SEALED_KEY_ENCRYPTION],
    });
    if (plaintext.length === CEK_BYTES) return { ok: true, cek: plaintext };
    plaintext.fill(0);
    return failed('key_not_readable', 'not_a_content_key');
  } catch (error) {
    if (error instanceof errors.JOSEError) return failed('key_not_readable', error.code);
    // A point that is not on the curve is found by node:crypto, below jose.
    if (error instanceof Error && 'code' in error) return failed('key_not_readable', 'bad_point');
    throw error;
  }
}
