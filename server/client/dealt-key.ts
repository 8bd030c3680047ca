/** The keys that the holders of an opening were dealt, as its log names them: the second layer's, or a blind window's. */
import { fromBase64, toBase64Url } from '../core/log/base64.ts';
import type { Sha256 } from '../core/log/hash.ts';
import { blindRules, layerRules } from '../core/opening/layer.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { parseCertificate } from '../core/pki/certificate.ts';
import { windowKeyId } from '../core/seal/decryption.ts';
import { SealError } from './seal-error.ts';

/**
 * The certificate that bids of this opening are sealed to beside their bidder's; DER; undefined where the policy asks for no second layer.
 *
 * Throws: SealError no_opening_key, opening_key_not_genuine.
 */
export function openingCertificateIn(
  sha256: Sha256,
  { policy, layer }: Pick<OpeningState, 'policy' | 'layer'>,
): Uint8Array | undefined {
  if (layerRules(policy) === null) return undefined;
  if (layer.key === null || layer.key.certificate === null) throw new SealError('no_opening_key');
  const certificate = fromBase64(layer.key.certificate);
  if (toBase64Url(sha256(certificate)) !== layer.key.certSha256) throw new SealError('opening_key_not_genuine');
  parseCertificate(certificate);
  return certificate;
}

/**
 * The name of the key that a blind window will be opened with; null where the window is not blind.
 *
 * Throws: SealError no_opening_key, opening_key_not_genuine.
 * Why:    a bidder keeps it with the bid it signs. In the window its client seals to this key and no other: a platform that named one
 *         of its own then would read early what nobody may.
 */
export function dealtWindowKidIn(
  sha256: Sha256,
  { policy, layer }: Pick<OpeningState, 'policy' | 'layer'>,
): string | null {
  if (blindRules(policy) === null) return null;
  const named = layer.key?.windowKey;
  if (named == null) throw new SealError('no_opening_key');
  if (windowKeyId(sha256, named.key) !== named.kid) throw new SealError('opening_key_not_genuine');
  return named.kid;
}
