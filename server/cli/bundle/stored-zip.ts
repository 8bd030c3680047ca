/** A folder as one ZIP file whose every byte follows from its files, and the opening of one on disk. */
import { closeSync, createWriteStream, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { compareText } from '../../core/log/bundle.ts';
import { textOfBytes } from '../../native-text.ts';
import type { LogSource } from '../../verify/source.ts';
import { zipSource } from '../../verify/stored-zip.ts';
import { filesBelow } from '../log-source.ts';
import { prepareArchive } from '../seal/archive-source.ts';

/** Writes all files below a folder, stored, in the order of their paths. Throws: what the disk throws; nothing is left half written. */
export async function writeZip(folder: string, file: string): Promise<void> {
  const paths: string[] = [];
  for await (const { path } of filesBelow(folder)) paths.push(path);
  paths.sort(compareText);
  const archive = await prepareArchive(
    paths.map((name) => ({ name, path: join(folder, name) })),
    false,
  );
  await pipeline(Readable.from(archive.read()), createWriteStream(file));
}

/**
 * An export or a bundle in a ZIP file on disk; `close` lets go of the file.
 *
 * Throws: SourceError file_malformed for any ZIP that `writeZip` does not make; what the disk throws.
 * Why:    in place and not by promises, as `folderSource` reads, and for the same reason.
 */
export async function openZip(file: string): Promise<LogSource> {
  const fd = openSync(file, 'r');
  try {
    const read = (at: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, at));
    };
    const tools = { crc32: (bytes: Uint8Array) => crc32(bytes), decodeUtf8: textOfBytes };
    const source = await zipSource(file, { size: fstatSync(fd).size, read }, tools);
    return { ...source, close: async () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
