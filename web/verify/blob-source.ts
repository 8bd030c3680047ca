/** Logs in files that somebody gave the page: a ZIP read where it lies, or the files of a folder. */
import { crc32 } from '../../server/core/seal/crc32.ts';
import { type DecodeUtf8, exportSource, type LogSource, SourceError } from '../../server/verify/source.ts';
import { type ZipBytes, zipSource } from '../../server/verify/stored-zip.ts';
import type { Given } from './judge-messages.ts';

/** Bytes that are read at once: a small file costs a trip to the browser's files otherwise. */
const BLOCK_BYTES = 1 << 20;
/** Blocks that are kept: 64 MiB. */
const BLOCKS_KEPT = 64;

/** The bytes of a blob in blocks, the ones used longest ago forgotten first. */
export function blobBytes(blob: Blob): ZipBytes {
  const kept = new Map<number, Promise<Uint8Array>>();
  function block(n: number): Promise<Uint8Array> {
    const found = kept.get(n) ?? readBlob(blob.slice(n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES));
    kept.delete(n);
    kept.set(n, found);
    const [oldest = n] = kept.keys();
    if (kept.size > BLOCKS_KEPT) kept.delete(oldest);
    return found;
  }
  return {
    size: blob.size,
    async read(at, length) {
      const first = Math.floor(at / BLOCK_BYTES);
      const last = Math.floor((at + Math.max(length, 1) - 1) / BLOCK_BYTES);
      if (last - first >= BLOCKS_KEPT) return readBlob(blob.slice(at, at + length));
      if (first === last) {
        const from = at - first * BLOCK_BYTES;
        return (await block(first)).slice(from, from + length);
      }
      const bytes = new Uint8Array(Math.max(0, Math.min(length, blob.size - at)));
      for (let n = first; n <= last; n++) {
        const part = await block(n);
        const from = Math.max(0, at - n * BLOCK_BYTES);
        const to = n * BLOCK_BYTES + from - at;
        bytes.set(part.subarray(from, from + bytes.length - to), to);
      }
      return bytes;
    },
  };
}

/** Throws: SourceError source_unreadable when the file was changed or taken away meanwhile. */
async function readBlob(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (fault) {
    if (fault instanceof DOMException) throw new SourceError('source_unreadable', fault.message);
    throw fault;
  }
}

/** A log in one ZIP file. Throws: SourceError. */
export function zipBlobSource({ path, blob }: Given, decodeUtf8: DecodeUtf8): Promise<LogSource> {
  return zipSource(path, blobBytes(blob), { crc32, decodeUtf8 });
}

/** A log in the files of a folder. */
export function filesSource(name: string, files: readonly Given[], decodeUtf8: DecodeUtf8): LogSource {
  const byPath = new Map(files.map(({ path, blob }) => [path, blob]));
  async function* list() {
    for (const path of byPath.keys()) yield { path, isFile: true };
  }
  return exportSource(
    name,
    async (path, limitBytes) => {
      const blob = byPath.get(path);
      if (blob === undefined) return null;
      if (blob.size > limitBytes) throw new SourceError('file_malformed', `${path}: longer than ${limitBytes} bytes`);
      return readBlob(blob);
    },
    list,
    decodeUtf8,
  );
}
