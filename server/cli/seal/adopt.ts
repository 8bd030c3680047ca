/** What a bidder keeps and promises of a sealed bid, computed from the finished envelope. */
import { stat } from 'node:fs/promises';
import type { Unwrap } from '../../client/key-agent.ts';
import type { BidPromises } from '../../client/lodge-statement.ts';
import { SealError } from '../../client/seal-error.ts';
import { toBase64Url } from '../../core/log/base64.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { cekCommit } from '../../core/seal/commitments.ts';
import { profileOf } from '../../core/seal/content-cipher.ts';
import type { EnvelopeHeader } from '../../core/seal/envelope.ts';
import type { OpeningList } from '../../core/seal/opening-list.ts';
import { isAddressedTo, LAYER_KEY_TRANSPORT, type Recipient } from '../../core/seal/recipient-info.ts';
import { sha256 } from '../../hash.ts';
import { type EnvelopeScan, scanEnvelope } from '../../vault/scan-envelope.ts';
import { readChunks } from '../../vault/vault-folder.ts';
import { countBytes } from '../progress.ts';
import { readInnerKey } from './inner-key.ts';

/**
 * Opens an envelope with its bidder's key and computes what a lodgement promises of it.
 *
 * Shape:   any envelope the platform takes, whoever made it: stock `openssl cms -encrypt -stream -aes-256-gcm` too.
 *          With `openingCertificate` (DER, as the log names it) one of two layers; its inner key lies beside it (`inner-key.ts`).
 * Throws:  SealError envelope_malformed, envelope_for_another_certificate, unwrap_failed, content_not_genuine, archive_refused;
 *          of two layers also inner_key_missing, layer_malformed, layer_for_another_key.
 * Why:     OpenSSL prints no content key, so it is unwrapped here once; this is at the same time the test that the bidder's own key
 *          opens what will be lodged.
 */
export async function adoptEnvelope(
  path: string,
  certificate: Uint8Array,
  unwrap: Unwrap,
  openingCertificate?: Uint8Array,
  progress?: (doneBytes: number, allBytes: number) => void,
): Promise<{ promises: BidPromises; openingList: OpeningList }> {
  const innerCek = openingCertificate === undefined ? undefined : await readInnerKey(path, unwrap);
  let innerRecipient: Recipient | undefined;
  let cek: Uint8Array | undefined;
  try {
    const { size } = await stat(path);
    const scan = await scanEnvelope(
      countBytes(readChunks(path), (done) => progress?.(done, size)),
      {
        async cekFor({ recipient }) {
          if (!isAddressedTo(recipient, parseCertificate(certificate))) {
            throw new SealError('envelope_for_another_certificate');
          }
          cek = await unwrap(recipient);
          return cek;
        },
        ...(innerCek && {
          innerCekFor: ({ recipient }: EnvelopeHeader) => {
            innerRecipient = recipient;
            return innerCek;
          },
        }),
      },
    );
    if (scan.header === undefined || cek === undefined) throw new SealError('envelope_malformed', scan.problem);
    const outer = scan.layers?.outer ?? scan.content;
    if (!outer?.isAuthentic) throw new SealError('content_not_genuine');
    const content = innerCek === undefined ? scan.content : scan.layers?.inner.content;
    if (innerCek !== undefined) checkInner(scan, innerRecipient, openingCertificate);
    if (!content?.isAuthentic) throw new SealError('content_not_genuine');
    const { list } = content;
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
        contentCommit: outer.contentCommit,
        profile: profileOf(scan.header.cipher),
        ...(innerCek &&
          openingCertificate && {
            layer: {
              openingCertSha256: toBase64Url(sha256(openingCertificate)),
              cekCommit: cekCommit(sha256, innerCek),
              contentCommit: content.contentCommit,
            },
          }),
      },
    };
  } finally {
    cek?.fill(0);
    innerCek?.fill(0);
  }
}

/** Is the inner layer one that the opening key will open? Throws: SealError layer_malformed, layer_for_another_key. */
function checkInner(
  { header, layers }: EnvelopeScan,
  recipient: Recipient | undefined,
  certificate: Uint8Array | undefined,
) {
  if (layers?.inner.header === undefined) throw new SealError('layer_malformed', layers?.inner.problem);
  if (layers.inner.header.cipher !== header?.cipher) throw new SealError('layer_malformed', 'other_profile');
  const isForIt =
    recipient?.keyTransport === LAYER_KEY_TRANSPORT &&
    certificate !== undefined &&
    isAddressedTo(recipient, parseCertificate(certificate));
  if (!isForIt) throw new SealError('layer_for_another_key');
}
