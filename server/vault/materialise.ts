/** Brings the documents of an opened bid to disk for the hand-over: through quarantine, under their name only when everything is proven. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { toBase64Url } from '../core/log/base64.ts';
import type { ArchiveEntry } from '../core/seal/archive.ts';
import { sha256 } from '../hash.ts';
import { failed, judgeContent, type OpenFailure, type Promised } from './judgement.ts';
import { type LayerKey, startLayer } from './layer-key.ts';
import { scanWithKey } from './open-envelope.ts';
import { isStorageError, type VaultFolder, writeAll } from './vault-folder.ts';

/** One file of a bid; `sha256` base64url over its bytes as unpacked. */
export type ManifestEntry =
  | { name: string; bytes: number; sha256: string }
  /** The bidder sealed it so: it cannot be unpacked to what its header says. The archive around it is genuine. */
  | { name: string; bytes: number; problem: 'damaged' | 'too_large' };

export type Manifest = { archiveSha256: string; archiveBytes: number; entries: ManifestEntry[] };
export type MaterialiseResult = { ok: true; name: string; manifest: Manifest } | OpenFailure;

export type MaterialiseLimits = {
  /** Bytes that all files of one bid may unpack to; what would pass it is listed unread. */
  unpackedLimitBytes: number;
};

/**
 * Decrypts an envelope into `folder`.
 *
 * Returns: the archive's name in the folder and the manifest of its files, or the first check that failed, with nothing left behind.
 * Why:     the plaintext lies in quarantine until tag, promise and every check of `openEnvelope` have passed; unproven bytes never
 *          carry a name that anyone serves.
 */
export async function materialise(
  path: string,
  cek: Uint8Array,
  promised: Promised,
  folder: VaultFolder,
  limits: MaterialiseLimits,
  layerKey?: LayerKey,
): Promise<MaterialiseResult> {
  const layer = startLayer(promised, layerKey);
  const quarantined = await folder.begin();
  let published = false;
  try {
    const hash = createHash('sha256');
    const scan = await scanWithKey(path, cek, promised, layer, async (plaintext) => {
      hash.update(plaintext);
      await writeAll(quarantined.file, plaintext);
    });
    if ('ok' in scan) return scan;
    const judged = layer === undefined ? judgeContent(scan, promised) : layer.judgeInner(scan);
    if ('ok' in judged) return judged;
    const entries = await readManifest(quarantined.path, judged.list.entries, limits);
    const name = await quarantined.publish();
    published = true;
    return {
      ok: true,
      name,
      manifest: { archiveSha256: toBase64Url(hash.digest()), archiveBytes: judged.contentBytes, entries },
    };
  } catch (error) {
    if (isStorageError(error)) return failed('storage_unreadable', error.code);
    throw error;
  } finally {
    if (!published) await quarantined.abandon();
  }
}

async function readManifest(
  archive: string,
  entries: readonly ArchiveEntry[],
  { unpackedLimitBytes }: MaterialiseLimits,
): Promise<ManifestEntry[]> {
  const manifest: ManifestEntry[] = [];
  let unpackedBytes = 0;
  for (const entry of entries) {
    const { name, bytes } = entry;
    unpackedBytes += bytes;
    if (unpackedBytes > unpackedLimitBytes) manifest.push({ name, bytes, problem: 'too_large' });
    else manifest.push(await readEntry(archive, entry));
  }
  return manifest;
}

/** Unpacks one file into its hash, never further than its header says. */
async function readEntry(archive: string, entry: ArchiveEntry): Promise<ManifestEntry> {
  const { name, bytes } = entry;
  if (entry.storedBytes === 0)
    return { name, bytes, ...(bytes === 0 && entry.crc32 === 0 ? { sha256: hashOfNothing } : { problem: 'damaged' }) };
  const hash = createHash('sha256');
  let unpacked = 0;
  let crc = 0;
  const stored = createReadStream(archive, { start: entry.dataAt, end: entry.dataAt + entry.storedBytes - 1 });
  const measure = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of source) {
      unpacked += chunk.length;
      if (unpacked > bytes) throw new Damaged();
      crc = crc32(chunk, crc);
      hash.update(chunk);
    }
  };
  try {
    if (entry.method === 'stored') await pipeline(stored, measure);
    else {
      const inflater = createInflateRaw();
      await pipeline(stored, inflater, measure);
      if (inflater.bytesWritten !== entry.storedBytes) throw new Damaged();
    }
  } catch (error) {
    const isDeflate = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
    if (isDeflate || error instanceof Damaged) return { name, bytes, problem: 'damaged' };
    throw error;
  }
  if (unpacked !== bytes || crc !== entry.crc32) return { name, bytes, problem: 'damaged' };
  return { name, bytes, sha256: toBase64Url(hash.digest()) };
}

const hashOfNothing = toBase64Url(sha256(new Uint8Array(0)));

/** Ends a pipeline early; never leaves this file. */
class Damaged extends Error {}
