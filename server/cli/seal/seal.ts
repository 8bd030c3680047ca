/** Seals a bid: files into an archive into an envelope that only the bidder's own key opens, as one stream; then opens it again to be sure. */
import { createCipheriv } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { canonicalise, type Json } from '../../core/log/canonical.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { parseCertificate } from '../../core/pki/certificate.ts';
import { CEK_BYTES, cekCommit, openingListDisclosure, startContentCommit } from '../../core/seal/commitments.ts';
import { GCM_TAG_BYTES, NONCE_BYTES } from '../../core/seal/envelope.ts';
import { writeEnvelope } from '../../core/seal/envelope-writing.ts';
import { OPENING_LIST_NAME, type OpeningList, readOpeningList } from '../../core/seal/opening-list.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { sha256 } from '../../hash.ts';
import { startHmac } from '../../vault/content.ts';
import { writeAll } from '../../vault/vault-folder.ts';
import { adoptEnvelope, type BidPromises } from './adopt.ts';
import { type ArchiveSource, prepareArchive, type SourceFile } from './archive-source.ts';
import { SealError } from './seal-error.ts';
import { TOOL_FACTS_NAME } from './tool-facts.ts';
import { type Unwrap, wrapKey } from './wrap.ts';

export type SealRequest = {
  openingList: OpeningList;
  documents: readonly SourceFile[];
  toolFacts: Json;
  /** DER of the bidder's encryption certificate. */
  certificate: Uint8Array;
  keyTransport: KeyTransport;
  /** Bid documents are mostly compressed already; deflating them again costs time and saves little. */
  compress: boolean;
  /** The finished envelope; one that is there is replaced. */
  out: string;
  /** The bidder's own key, for the test at the end. */
  unwrap: Unwrap;
  randomBytes: (length: number) => Uint8Array;
};

/**
 * Seals one bid.
 *
 * Returns: what the lodgement statement will promise, computed from the file as it was read back.
 * Throws:  SealError list_not_in_form, name_not_allowed, document_changed, self_test_failed; nothing is left at `out` then.
 * Why:     the test at the end finds today what would otherwise be found in the decryption window: a renewed token, a bad disk.
 */
export async function sealBid(request: SealRequest): Promise<BidPromises> {
  const listBytes = utf8(canonicalise(request.openingList));
  if ('problem' in readOpeningList(listBytes)) throw new SealError('list_not_in_form');
  const archive = await prepareArchive(
    [
      { name: OPENING_LIST_NAME, bytes: listBytes },
      ...request.documents,
      { name: TOOL_FACTS_NAME, bytes: utf8(canonicalise(request.toolFacts)) },
    ],
    request.compress,
  );

  const part = `${request.out}.part`;
  try {
    const written = await writeSealed(part, archive, request);
    const { promises } = await adoptEnvelope(part, request.certificate, request.unwrap);
    const isSame =
      promises.cekCommit === written.cekCommit &&
      promises.contentCommit === written.contentCommit &&
      promises.openingListCommit === written.openingListCommit;
    if (!isSame) throw new SealError('self_test_failed');
    await rename(part, request.out);
    return promises;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Writes the envelope. Returns: the promises by the plaintext as it went in, for comparison with what comes out. */
async function writeSealed(
  path: string,
  archive: ArchiveSource,
  { certificate, keyTransport, openingList, randomBytes }: SealRequest,
): Promise<Pick<BidPromises, 'cekCommit' | 'contentCommit' | 'openingListCommit'>> {
  const cek = randomBytes(CEK_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const file = await open(path, 'wx', 0o600);
  try {
    const { issuer, serial } = parseCertificate(certificate);
    const identifier = { issuer: issuer.full, serial: Buffer.from(serial, 'hex') };
    const encryptedKey = wrapKey(certificate, keyTransport, cek);
    const { header, trailer } = writeEnvelope({ keyTransport, encryptedKey, identifier }, nonce, archive.archiveBytes);
    const cipher = createCipheriv('aes-256-gcm', cek, nonce, { authTagLength: GCM_TAG_BYTES });
    const commit = startContentCommit(sha256, startHmac, cek);

    await writeAll(file, header);
    for await (const plaintext of archive.read()) {
      commit.update(plaintext);
      await writeAll(file, cipher.update(plaintext));
    }
    cipher.final();
    await writeAll(file, trailer(cipher.getAuthTag()));
    await file.sync();
    return {
      cekCommit: cekCommit(sha256, cek),
      contentCommit: commit.digest(),
      openingListCommit: openingListDisclosure(sha256, cek, openingList).digest,
    };
  } finally {
    cek.fill(0);
    await file.close();
  }
}
