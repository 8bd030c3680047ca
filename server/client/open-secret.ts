/** Takes a secret out of a JWE that was sealed to a key of the opening, or of a holder: a share, a quote; in a browser, on the command line and in the vault alike. */
import { compactDecrypt, errors } from 'jose';
import { SEALED_KEY_ALGORITHM, SEALED_KEY_ENCRYPTION } from '../core/seal/decryption.ts';
import { isFor, readSealedSecretHeader, type SecretPurpose } from '../core/seal/sealed-secret.ts';

/** A P-256 private key in whatever form its holder has it. */
export type SecretKey = Parameters<typeof compactDecrypt>[1];

/**
 * Opens a sealed secret.
 *
 * Returns: its bytes; null when the header binds it to anything else, or it does not open.
 * Why:     the header is judged before the private key is used; algorithms are fixed, since a JWE chooses its own otherwise.
 */
export async function openSecret(
  jwe: string,
  privateKey: SecretKey,
  kid: string,
  purpose: SecretPurpose,
): Promise<Uint8Array | null> {
  const header = readSealedSecretHeader(jwe);
  if (header === undefined || header.kid !== kid || !isFor(header, purpose)) return null;
  try {
    const { plaintext } = await compactDecrypt(jwe, privateKey, {
      keyManagementAlgorithms: [SEALED_KEY_ALGORITHM],
      contentEncryptionAlgorithms: [SEALED_KEY_ENCRYPTION],
    });
    return plaintext;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    // A point that is not on the curve is found by node:crypto, below jose.
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}
