/** Seals a bid: files into an archive into an envelope that only the bidder's own key opens, as one stream; then opens it again to be sure. */
import { open, rename, rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { checkDocumentNames, TOOL_FACTS_NAME } from '../../client/document-name.ts';
import type { Unwrap } from '../../client/key-agent.ts';
import type { BidPromises } from '../../client/lodge-statement.ts';
import { type EarlyPromises, sealEnvelope } from '../../client/seal-envelope.ts';
import { SealError } from '../../client/seal-error.ts';
import { canonicalise, type Json } from '../../core/log/canonical.ts';
import { utf8 } from '../../core/log/utf8.ts';
import type { SealProfile } from '../../core/seal/content-cipher.ts';
import { OPENING_LIST_NAME, type OpeningList, readOpeningList } from '../../core/seal/opening-list.ts';
import type { KeyTransport } from '../../core/seal/recipient-info.ts';
import { writeAll } from '../../vault/vault-folder.ts';
import { countBytes, type Progress } from '../progress.ts';
import { adoptEnvelope } from './adopt.ts';
import { type ArchiveSource, prepareArchive, type SourceFile } from './archive-source.ts';
import { innerKeyFile, keepInnerKey } from './inner-key.ts';
import { nodeSealing } from './node-sealing.ts';

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
  const files = [
    { name: OPENING_LIST_NAME, bytes: listBytes },
    ...request.documents,
    { name: TOOL_FACTS_NAME, bytes: utf8(canonicalise(request.toolFacts)) },
  ];
  checkDocumentNames(files.map(({ name }) => name));
  const archive = await prepareArchive(files, request.compress, (done, all) =>
    request.progress?.(SEAL_STEPS.read, done, all),
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

/** Writes the envelope. Returns: the promises by the plaintext as it went in, for comparison with what comes out. */
async function writeSealed(path: string, archive: ArchiveSource, request: SealRequest): Promise<EarlyPromises> {
  const { profile = 'kaibiao-seal-1', randomBytes, progress } = request;
  const { archiveBytes } = archive;
  const read = () => countBytes(archive.read(), (done) => progress?.(SEAL_STEPS.seal, done, archiveBytes));
  const sealed = await sealEnvelope({ ...request, profile, archive: { archiveBytes, read } }, nodeSealing(randomBytes));
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const bytes of sealed.bytes()) await writeAll(file, bytes);
    await file.sync();
    if (sealed.innerCek !== undefined) await keepInnerKey(path, sealed.innerCek, request);
    return await sealed.promises();
  } finally {
    sealed.erase();
    await file.close();
  }
}
