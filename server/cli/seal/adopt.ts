/** What a bidder keeps and promises of a sealed bid, computed from the finished envelope. */
import { toBase64Url } from '../../core/log/base64.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { cekCommit } from '../../core/seal/commitments.ts';
import type { LodgementPayload } from '../../core/seal/lodgement.ts';
import type { OpeningList } from '../../core/seal/opening-list.ts';
import { isAddressedTo } from '../../core/seal/recipient-info.ts';
import { sha256 } from '../../hash.ts';
import { scanEnvelope } from '../../vault/scan-envelope.ts';
import { readChunks } from '../../vault/vault-folder.ts';
import { SealError } from './seal-error.ts';
import type { Unwrap } from './wrap.ts';

/** The promises of seal-format §2. */
export type BidPromises = Pick<
  LodgementPayload,
  | 'envelopeSha256'
  | 'envelopeBytes'
  | 'recipientInfosSha256'
  | 'encCertSha256'
  | 'openingListCommit'
  | 'cekCommit'
  | 'contentCommit'
>;

/**
 * Opens an envelope with its bidder's key and computes what a lodgement promises of it.
 *
 * Shape:   any envelope the platform takes, whoever made it: stock `openssl cms -encrypt -stream -aes-256-gcm` too.
 * Throws:  SealError envelope_malformed, envelope_for_another_certificate, unwrap_failed, content_not_genuine, archive_refused.
 * Why:     OpenSSL prints no content key, so it is unwrapped here once; this is at the same time the test that the bidder's own key
 *          opens what will be lodged.
 */
export async function adoptEnvelope(
  path: string,
  certificate: Uint8Array,
  unwrap: Unwrap,
): Promise<{ promises: BidPromises; openingList: OpeningList }> {
  let cek: Uint8Array | undefined;
  try {
    const scan = await scanEnvelope(readChunks(path), {
      async cekFor({ recipient }) {
        if (!isAddressedTo(recipient, parseCertificate(certificate))) {
          throw new SealError('envelope_for_another_certificate');
        }
        cek = await unwrap(recipient);
        return cek;
      },
    });
    if (scan.header === undefined || cek === undefined) throw new SealError('envelope_malformed', scan.problem);
    if (!scan.content?.isAuthentic) throw new SealError('content_not_genuine');
    const { contentCommit, list } = scan.content;
    if ('problem' in list) throw new SealError('archive_refused', list.problem);
    return {
      openingList: list.openingList,
      promises: {
        envelopeSha256: scan.envelopeSha256,
        envelopeBytes: scan.envelopeBytes,
        recipientInfosSha256: scan.header.recipientInfosSha256,
        encCertSha256: toBase64Url(sha256(certificate)),
        openingListCommit: list.openingListCommit,
        cekCommit: cekCommit(sha256, cek),
        contentCommit,
      },
    };
  } finally {
    cek?.fill(0);
  }
}
