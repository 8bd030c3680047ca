/** How a content key travels to a certificate: what its key can, or what was asked for. */
import type { Certificate } from '../core/pki/certificate.ts';
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
