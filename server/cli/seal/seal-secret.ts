/** Seals a few bytes to a key of the opening, with this machine's own hash. */
import { sealSecretTo } from '../../client/seal-secret.ts';
import type { NamedKey } from '../../core/opening/layer.ts';
import type { SecretPurpose } from '../../core/seal/sealed-secret.ts';
import { sha256 } from '../../hash.ts';

export type { NamedKey };

/** The compact JWE. Throws: as sealSecretTo. */
export function sealSecret(secret: Uint8Array, key: NamedKey, purpose: SecretPurpose): Promise<string> {
  return sealSecretTo(sha256, secret, key, purpose);
}
