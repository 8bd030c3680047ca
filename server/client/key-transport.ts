/** How a content key travels to a certificate: what its key can, or what was asked for. */
import type { Certificate } from '../core/pki/certificate.ts';
import type { SealProfile } from '../core/seal/content-cipher.ts';
import { type KeyTransport, keyTransportsFor } from '../core/seal/recipient-info.ts';
import { SealError } from './seal-error.ts';

/**
 * How to send a content key to a certificate.
 *
 * Throws: SealError transport_not_for_key: the one asked for is for keys of another kind, or there is none for this kind.
 */
export function chooseKeyTransport(certificate: Certificate, asked?: KeyTransport): KeyTransport {
  const fitting = keyTransportsFor(certificate);
  const chosen = asked === undefined ? fitting[0] : fitting.find((transport) => transport === asked);
  if (chosen === undefined) throw new SealError('transport_not_for_key', asked);
  return chosen;
}

/** The profile to seal in where none is asked for: to an SM2 key with SM4 and SM3, so that one family of algorithms protects all of it. */
export function profileFor(keyTransport: KeyTransport): SealProfile {
  return keyTransport === 'sm2' ? 'kaibiao-seal-sm-1' : 'kaibiao-seal-1';
}
