/** The content key of one's own bid, taken out of its envelope and kept for a remedy; whoever has it and the envelope can read the bid. */

import type { Unwrap } from '../../client/key-agent.ts';
import { SealError } from '../../client/seal-error.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { isAddressedTo } from '../../core/seal/recipient-info.ts';
import { scanEnvelope } from '../../vault/scan-envelope.ts';
import { readChunks } from '../../vault/vault-folder.ts';

/**
 * The 32 bytes; the caller erases them.
 *
 * Throws: SealError envelope_malformed, envelope_for_another_certificate, unwrap_failed, content_not_genuine.
 * Why:    the whole envelope is read with the key: a backup that would not open it is worse than none.
 */
export async function takeContentKey(path: string, certificate: Uint8Array, unwrap: Unwrap): Promise<Uint8Array> {
  let cek: Uint8Array | undefined;
  const scan = await scanEnvelope(readChunks(path), {
    async cekFor({ recipient }) {
      if (!isAddressedTo(recipient, parseCertificate(certificate)))
        throw new SealError('envelope_for_another_certificate');
      cek = await unwrap(recipient);
      return cek;
    },
  });
  if (scan.header === undefined || cek === undefined) throw new SealError('envelope_malformed', scan.problem);
  if (scan.content?.isAuthentic === true) return cek;
  cek.fill(0);
  throw new SealError('content_not_genuine');
}
