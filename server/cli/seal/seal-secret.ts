/** Seals a few bytes to a key of the opening, bound to what they are for. */
import { createPublicKey } from 'node:crypto';
import { CompactEncrypt } from 'jose';
import { SealError } from '../../client/seal-error.ts';
import { SEALED_KEY_ALGORITHM, SEALED_KEY_ENCRYPTION, type WindowKey } from '../../core/seal/decryption.ts';
import type { SecretPurpose } from '../../core/seal/sealed-secret.ts';
import { windowKeyId } from '../../vault/window-key.ts';

/** A key as the log names it. */
export type NamedKey = { readonly kid: string; readonly key: WindowKey };

/**
 * The compact JWE.
 *
 * Throws: SealError key_not_as_named when the key is not the one its name says.
 */
export async function sealSecret(secret: Uint8Array, { kid, key }: NamedKey, purpose: SecretPurpose): Promise<string> {
  if (windowKeyId(key) !== kid) throw new SealError('key_not_as_named');
  return new CompactEncrypt(secret)
    .setProtectedHeader({ alg: SEALED_KEY_ALGORITHM, enc: SEALED_KEY_ENCRYPTION, kid, ...purpose })
    .encrypt(createPublicKey({ key: { ...key }, format: 'jwk' }));
}
