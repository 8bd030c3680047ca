/** Seals a bid: files into an archive into an envelope that only the bidder's own key opens, as one stream; then opens it again to be sure. */
import { open, rename, rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Unwrap } from '../../client/key-agent.ts';
import { SealError } from '../../client/seal-error.ts';
import { toBase64Url } from '../../core/log/base64.ts';
import { canonicalise, type Json } from '../../core/log/canonical.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { CEK_BYTES, openingListDisclosure } from '../../core/seal/commitments.ts';
import { PROFILE_CIPHERS, type SealProfile } from '../../core/seal/content-cipher.ts';
import { OPENING_LIST_NAME, type OpeningList, readOpeningList } from '../../core/seal/opening-list.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { sha256 } from '../../hash.ts';
import { LAYER_KEY_TRANSPORT } from '../../vault/layer-key.ts';
import { writeAll } from '../../vault/vault-folder.ts';
import { countBytes, type Progress } from '../progress.ts';
import { adoptEnvelope, type BidPromises } from './adopt.ts';
import { type ArchiveSource, prepareArchive, type SourceFile } from './archive-source.ts';
import { innerKeyFile, keepInnerKey } from './inner-key.ts';
import { writeLayer } from './seal-layer.ts';
import { TOOL_FACTS_NAME } from './tool-facts.ts';

export type SealRequest = {
  openingList: OpeningList;
  documents: readonly SourceFile[];
  toolFacts: Json;
  /** DER of the bidder's encryption certificate. */
  certificate: Uint8Array;
  keyTransport: KeyTransport;
  /** By default 'kaibiao-seal-1'. */
  profile?: SealProfile;
  /** Bid documents are mostly compressed already; deflating them again costs time and saves little. */
  compress: boolean;
  /** The finished envelope; one that is there is replaced. */
  out: string;
  /** DER of the opening key's certificate, from a verified copy of the log, where the policy asks for a second layer. */
  openingCertificate?: Uint8Array;
  /** The bidder's own key, for the test at the end. */
  unwrap: Unwrap;
  randomBytes: (length: number) => Uint8Array;
  progress?: Progress;
};

/** What the steps are called to the person who waits. */
export const SEAL_STEPS = { read: '读取 read', seal: '加密 seal', test: '试解 test' } as const;

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
    (done, all) => request.progress?.(SEAL_STEPS.read, done, all),
  );

  const part = `${request.out}.part`;
  try {
    const written = await writeSealed(part, archive, request);
    const { promises } = await adoptEnvelope(
      part,
      request.certificate,
      request.unwrap,
      request.openingCertificate,
      (done, all) => request.progress?.(SEAL_STEPS.test, done, all),
    );
    const isSame = isDeepStrictEqual({ ...promises, ...written }, promises);
    if (!isSame) throw new SealError('self_test_failed');
    if (request.openingCertificate !== undefined) await rename(innerKeyFile(part), innerKeyFile(request.out));
    await rename(part, request.out);
    return promises;
  } catch (error) {
    await rm(part, { force: true });
    await rm(innerKeyFile(part), { force: true });
    throw error;
  }
}

type Written = Pick<BidPromises, 'cekCommit' | 'contentCommit' | 'openingListCommit' | 'layer'>;

/** Writes the envelope. Returns: the promises by the plaintext as it went in, for comparison with what comes out. */
async function writeSealed(path: string, archive: ArchiveSource, request: SealRequest): Promise<Written> {
  const {
    certificate,
    keyTransport,
    profile = 'kaibiao-seal-1',
    openingList,
    openingCertificate,
    randomBytes,
    progress,
  } = request;
  const cipher = PROFILE_CIPHERS[profile];
  const { archiveBytes } = archive;
  const read = () => countBytes(archive.read(), (done) => progress?.(SEAL_STEPS.seal, done, archiveBytes));
  const cek = randomBytes(CEK_BYTES);
  const innerCek = openingCertificate === undefined ? undefined : randomBytes(CEK_BYTES);
  const file = await open(path, 'wx', 0o600);
  try {
    const outer = writeLayer({ certificate, keyTransport, cipher, cek, randomBytes });
    const promised = openingListDisclosure(sha256, innerCek ?? cek, openingList).digest;
    if (innerCek === undefined || openingCertificate === undefined) {
      for await (const bytes of outer.seal(archiveBytes, read())) await writeAll(file, bytes);
      await file.sync();
      return { ...outer.promises(), openingListCommit: promised };
    }
    const inner = writeLayer({
      certificate: openingCertificate,
      keyTransport: LAYER_KEY_TRANSPORT,
      cipher,
      cek: innerCek,
      randomBytes,
    });
    const innerBytes = inner.sealedBytes(archiveBytes);
    const sealed = outer.seal(innerBytes, inner.seal(archiveBytes, read()));
    for await (const bytes of sealed) await writeAll(file, bytes);
    await file.sync();
    await keepInnerKey(path, innerCek, request);
    const openingCertSha256 = toBase64Url(sha256(openingCertificate));
    const layer = { openingCertSha256, ...inner.promises() };
    return { ...outer.promises(), openingListCommit: promised, layer };
  } finally {
    cek.fill(0);
    innerCek?.fill(0);
    await file.close();
  }
}
