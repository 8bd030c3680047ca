/** Whether a stored envelope opens to what its bidder promised, judged by the table of seal-format §3 in its order; it writes nothing. */

import { cekCommit } from '../core/seal/commitments.ts';
import { profileOf } from '../core/seal/content-cipher.ts';
import type { OpeningList } from '../core/seal/opening-list.ts';
import { sha256 } from '../hash.ts';
import { failed, judgeContent, judgeStored, type OpenFailure, type Promised } from './judgement.ts';
import { type Layer, type LayerKey, startLayer } from './layer-key.ts';
import { type EnvelopeScan, type ScanOptions, scanEnvelope } from './scan-envelope.ts';
import { isStorageError, readChunks } from './vault-folder.ts';

export type OpenResult =
  | { ok: true; openingList: OpeningList; disclosure: string; contentBytes: number; entries: number }
  | OpenFailure;

/**
 * Opens an envelope without writing anything.
 *
 * Returns: the opening list with its disclosure, or the first check that failed. Total but for faults of the program.
 * Why:     one pass: the stored bytes are hashed again each time they are read, and `cekCommit` is checked before any decryption,
 *          so that one and only one key per envelope is ever tried.
 */
export async function openEnvelope(
  path: string,
  cek: Uint8Array,
  promised: Promised,
  layerKey?: LayerKey,
): Promise<OpenResult> {
  const layer = startLayer(promised, layerKey);
  const scanned = await scanWithKey(path, cek, promised, layer);
  if ('ok' in scanned) return scanned;
  const judged = layer === undefined ? judgeContent(scanned, promised) : layer.judgeInner(scanned);
  if ('ok' in judged) return judged;
  const { openingList, disclosure, entries } = judged.list;
  return { ok: true, openingList, disclosure, contentBytes: judged.contentBytes, entries: entries.length };
}

/**
 * Opens the bidder's own layer of an envelope of two: whether its key, tag and promise fit, and whether an envelope to the opening
 * key lies under it.
 *
 * Returns: nothing of the content; whatever fails here is as clear as in an envelope of one layer, and whose it is.
 */
export async function openOuter(
  path: string,
  cek: Uint8Array,
  promised: Promised,
  layerKey: LayerKey,
): Promise<{ ok: true } | OpenFailure> {
  const layer = startLayer(promised, { ...layerKey, privateKey: null });
  const scanned = await scanWithKey(path, cek, promised, layer);
  if ('ok' in scanned) return scanned;
  return layer?.judgeOuter(scanned) ?? { ok: true };
}

/** What both openings begin with: the stored bytes, then the promised key, before any of its content is judged. */
export async function scanWithKey(
  path: string,
  cek: Uint8Array,
  promised: Promised,
  layer: Layer | undefined,
  toQuarantine?: (plaintext: Uint8Array) => Promise<void>,
): Promise<EnvelopeScan | OpenFailure> {
  const commit = cekCommit(sha256, cek);
  const scanned = await scanStored(path, {
    cekFor: (header) =>
      header.recipientInfosSha256 === promised.recipientInfosSha256 &&
      profileOf(header.cipher) === promised.profile &&
      commit === promised.cekCommit
        ? cek
        : undefined,
    ...(layer && { innerCekFor: layer.innerCekFor }),
    ...(toQuarantine && { toQuarantine }),
  });
  layer?.erase();
  if ('ok' in scanned) return scanned;
  const fault = judgeStored(scanned, promised);
  if (fault) return fault;
  return commit === promised.cekCommit ? scanned : failed('wrong_key');
}

/** Whether the stored bytes are still the received ones (done before the window opens, and with every opening); no faster than `pace` lets it. */
export async function checkStored(
  path: string,
  promised: Promised,
  pace?: (bytes: number) => Promise<void>,
): Promise<{ ok: true } | OpenFailure> {
  const scanned = await scanStored(path, { cekFor: () => undefined }, pace);
  if ('ok' in scanned) return scanned;
  return judgeStored(scanned, promised) ?? { ok: true };
}

async function scanStored(
  path: string,
  options: ScanOptions,
  pace?: (bytes: number) => Promise<void>,
): Promise<EnvelopeScan | OpenFailure> {
  try {
    return await scanEnvelope(pace === undefined ? readChunks(path) : paced(readChunks(path), pace), options);
  } catch (error) {
    if (isStorageError(error)) return failed('storage_unreadable', error.code);
    throw error;
  }
}

async function* paced(
  chunks: AsyncIterable<Uint8Array>,
  pace: (bytes: number) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    await pace(chunk.length);
  }
}
