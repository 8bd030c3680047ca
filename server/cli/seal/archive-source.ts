/** Files on disk as one ZIP archive, in a stream of known length; nothing is held whole and nothing is written here. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { crc32, createDeflateRaw } from 'node:zlib';
import { checkDocumentName } from '../../client/document-name.ts';
import { SealError } from '../../client/seal-error.ts';
import { type PlannedEntry, planArchive } from '../../core/seal/archive-writing.ts';
import { countBytes } from '../progress.ts';

/** A file to seal: bytes in memory, or a path that is read twice. */
export type SourceFile = { name: string } & ({ bytes: Uint8Array } | { path: string });

export type ArchiveSource = {
  archiveBytes: number;
  /** The archive, first byte to last. Throws: SealError document_changed. */
  read(): AsyncGenerator<Uint8Array>;
};

/** Read ahead as little as keeps the disk busy. */
const READ_BYTES = 1_048_576;

/**
 * Prepares an archive of `files` in their order.
 *
 * Throws: SealError name_not_allowed; what the disk throws.
 * Shape:  also the ZIP of an evidence bundle, which may hold more files than a bid: who seals asks checkDocumentNames first.
 * Why:    each file is read twice: first for its CRC and size, then for its bytes. So every length stands in front and the readers
 *         on the platform need no data descriptors, which two implementations can read differently. An own writer over node:zlib
 *         (80 lines with core/seal/archive-writing.ts), because the known libraries write data descriptors when they stream.
 */
export async function prepareArchive(
  files: readonly SourceFile[],
  compress: boolean,
  progress?: (doneBytes: number, allBytes: number) => void,
): Promise<ArchiveSource> {
  for (const { name } of files) checkDocumentName(name);
  const entries: PlannedEntry[] = [];
  const sizes = await Promise.all(files.map(sizeOf));
  const allBytes = sizes.reduce((sum, size) => sum + size, 0);
  let before = 0;
  for (const file of files) {
    const source = countBytes(readBytes(file), (done) => progress?.(before + done, allBytes));
    const entry = await measure(file.name, source, compress);
    before += entry.bytes;
    entries.push(entry);
  }
  const plan = planArchive(entries);
  return {
    archiveBytes: plan.archiveBytes,
    async *read() {
      for (const [index, file] of files.entries()) {
        yield plan.localHeaders[index] as Uint8Array;
        yield* readAgain(file, entries[index] as PlannedEntry);
      }
      yield plan.ending;
    },
  };
}

async function measure(name: string, source: AsyncIterable<Uint8Array>, compress: boolean): Promise<PlannedEntry> {
  const method = compress ? 'deflated' : 'stored';
  const measured = startMeasure();
  let storedBytes = 0;
  for await (const chunk of store(measured.through(source), method)) storedBytes += chunk.length;
  return { name, method, ...measured.result(), storedBytes };
}

/** The stored bytes of a file for the second time; they must be those that were measured. */
async function* readAgain(file: SourceFile, entry: PlannedEntry): AsyncGenerator<Uint8Array> {
  const measured = startMeasure();
  let storedBytes = 0;
  for await (const chunk of store(measured.through(readBytes(file)), entry.method)) {
    storedBytes += chunk.length;
    if (storedBytes > entry.storedBytes) throw new SealError('document_changed');
    yield chunk;
  }
  const { bytes, crc32 } = measured.result();
  const isSame = bytes === entry.bytes && crc32 === entry.crc32 && storedBytes === entry.storedBytes;
  if (!isSame) throw new SealError('document_changed');
}

function startMeasure() {
  let bytes = 0;
  let crc = 0;
  return {
    async *through(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        bytes += chunk.length;
        crc = crc32(chunk, crc);
        yield chunk;
      }
    },
    result: () => ({ bytes, crc32: crc }),
  };
}

async function sizeOf(file: SourceFile): Promise<number> {
  return 'bytes' in file ? file.bytes.length : (await stat(file.path)).size;
}

async function* readBytes(file: SourceFile): AsyncGenerator<Uint8Array> {
  if ('bytes' in file) yield file.bytes;
  else yield* createReadStream(file.path, { highWaterMark: READ_BYTES });
}

async function* store(source: AsyncGenerator<Uint8Array>, method: PlannedEntry['method']): AsyncGenerator<Uint8Array> {
  if (method === 'stored') yield* source;
  else yield* deflate(source);
}

async function* deflate(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const deflater = createDeflateRaw();
  // An error of the source comes out of the iteration, too; the callback has nothing to add.
  pipeline(source, deflater, () => undefined);
  yield* deflater as AsyncIterable<Uint8Array>;
}
