/** Seals a few bytes to a key of the opening, bound to what they are for; in a browser and on the command line alike. */
import { CompactEncrypt, importJWK } from 'jose';
import type { Sha256 } from '../core/log/hash.ts';
import type { NamedKey } from '../core/opening/layer.ts';
import { SEALED_KEY_ALGORITHM, SEALED_KEY_ENCRYPTION, windowKeyId } from '../core/seal/decryption.ts';
import type { SecretPurpose } from '../core/seal/sealed-secret.ts';
import { SealError } from './seal-error.ts';

/**
 * The compact JWE.
 *
 * Throws: SealError key_not_as_named when the key is not the one its name says.
 */
export async function sealSecretTo(
  sha256: Sha256,
  secret: Uint8Array,
  { kid, key }: NamedKey,
  purpose: SecretPurpose,
): Promise<string> {
  if (windowKeyId(sha256, key) !== kid) throw new SealError('key_not_as_named');
  return new CompactEncrypt(secret)
    .setProtectedHeader({ alg: SEALED_KEY_ALGORITHM, enc: SEALED_KEY_ENCRYPTION, kid, ...purpose })
    .encrypt(await importJWK({ ...key }, SEALED_KEY_ALGORITHM));
}
