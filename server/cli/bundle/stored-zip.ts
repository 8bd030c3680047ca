/** A folder as one ZIP file whose every byte follows from its files, and the reading of one: nothing can be hidden between them. */
import { closeSync, createWriteStream, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { compareText } from '../../core/log/bundle.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { ArchiveError } from '../../core/seal/archive-error.ts';
import {
  type EndFacts,
  FLAG_UTF8,
  METHOD,
  RECORD_BYTES,
  readCentral,
  readCentralLengths,
  readName,
  readZip64End,
  readZip64Locator,
  SENTINEL_16,
  SENTINEL_32,
  SIGNATURE,
} from '../../core/seal/archive-records.ts';
import { type ArchivePlan, type PlannedEntry, planArchive } from '../../core/seal/archive-writing.ts';
import { exportSource, filesBelow, type LogSource, SourceError } from '../log-source.ts';
import { prepareArchive } from '../seal/archive-source.ts';

/** The directory of a ZIP of half a million files. */
export const DIRECTORY_LIMIT_BYTES = 67_108_864;
const SIGNATURE_BYTES = 4;
const END_BYTES = SIGNATURE_BYTES + RECORD_BYTES.end;
const LOCATOR_BYTES = SIGNATURE_BYTES + RECORD_BYTES.zip64Locator;
const ZIP64_END_BYTES = SIGNATURE_BYTES + RECORD_BYTES.zip64End;

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

type Stored = { readonly dataAt: number; readonly bytes: number; readonly crc32: number };

/**
 * An export or a bundle in a ZIP file, read in place; `close` lets go of the file.
 *
 * Shape:  exactly what `writeZip` makes of its files.
 * Throws: SourceError file_malformed for any other ZIP: readers of ZIP differ over headers that contradict each other and bytes that
 *         no header accounts for, and of this one not a byte is anybody's choice.
 */
export async function openZip(file: string): Promise<LogSource> {
  const fd = openSync(file, 'r');
  try {
    const files = readPlaces(fd);
    const read = async (path: string, limitBytes: number): Promise<Uint8Array | null> => {
      const stored = files.get(path);
      if (stored === undefined) return null;
      if (stored.bytes > limitBytes) throw malformed(`${path}: longer than ${limitBytes} bytes`);
      const bytes = readAt(fd, stored.dataAt, stored.bytes);
      if (crc32(bytes) !== stored.crc32) throw malformed(`${path}: its bytes are not those of the directory`);
      return bytes;
    };
    async function* list() {
      for (const path of files.keys()) yield { path, isFile: true };
    }
    return { ...exportSource(file, read, list), close: async () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    if (error instanceof ArchiveError) throw malformed(error.message);
    throw error;
  }
}

function malformed(why: string): SourceError {
  return new SourceError('file_malformed', why);
}

/** In place and not by promises, as `folderSource` reads, and for the same reason. */
function readAt(fd: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (readSync(fd, bytes, 0, length, at) < length) throw malformed('the ZIP file ends too early');
  return bytes;
}

/** Where each file's bytes stand, once the whole archive is known to be the one that these files make. */
function readPlaces(fd: number): Map<string, Stored> {
  const { size } = fstatSync(fd);
  const end = readEnd(fd, size);
  if (end.centralBytes > DIRECTORY_LIMIT_BYTES || end.centralAt + end.centralBytes > size)
    throw malformed('the directory of the ZIP file');
  const planned = readDirectory(readAt(fd, end.centralAt, end.centralBytes));
  const plan = planArchive(planned);
  if (plan.archiveBytes !== size) throw malformed('the ZIP file has bytes that are of no file');
  const ending = readAt(fd, size - plan.ending.length, plan.ending.length);
  if (!sameBytes(ending, plan.ending)) throw malformed('the directory of the ZIP file');
  return placesOf(fd, planned, plan);
}

function placesOf(fd: number, planned: readonly PlannedEntry[], { localHeaders }: ArchivePlan): Map<string, Stored> {
  const files = new Map<string, Stored>();
  let at = 0;
  let before = '';
  for (const [n, { name, bytes, crc32 }] of planned.entries()) {
    const header = localHeaders[n] as Uint8Array;
    if (!sameBytes(readAt(fd, at, header.length), header)) throw malformed(`${name}: its header`);
    if (n > 0 && compareText(before, name) >= 0) throw malformed(`${name}: out of order, or there twice`);
    files.set(name, { dataAt: at + header.length, bytes, crc32 });
    at += header.length + bytes;
    before = name;
  }
  return files;
}

/** What the end records say; whether it is true shows when they are made again. */
function readEnd(fd: number, size: number): EndFacts {
  if (size < END_BYTES) throw malformed('no ZIP file');
  const end = readAt(fd, size - END_BYTES, END_BYTES);
  const view = new DataView(end.buffer);
  if (view.getUint32(0, true) !== SIGNATURE.end) throw malformed('no ZIP file, or one with a comment');
  const said = {
    entries: view.getUint16(10, true),
    centralBytes: view.getUint32(12, true),
    centralAt: view.getUint32(16, true),
  };
  const isLarge = said.entries === SENTINEL_16 || said.centralBytes === SENTINEL_32 || said.centralAt === SENTINEL_32;
  if (!isLarge) return said;
  const locatorAt = size - END_BYTES - LOCATOR_BYTES;
  if (locatorAt < 0) throw malformed('the end of the ZIP file');
  const zip64At = readZip64Locator(readAt(fd, locatorAt, LOCATOR_BYTES).subarray(SIGNATURE_BYTES));
  if (zip64At > size) throw malformed('the end of the ZIP file');
  return readZip64End(readAt(fd, zip64At, ZIP64_END_BYTES).subarray(SIGNATURE_BYTES));
}

function readDirectory(bytes: Uint8Array): PlannedEntry[] {
  const planned: PlannedEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const record = take(bytes, at + SIGNATURE_BYTES, RECORD_BYTES.central);
    const { nameBytes, extraBytes, commentBytes } = readCentralLengths(record);
    const nameAt = at + SIGNATURE_BYTES + RECORD_BYTES.central;
    const name = take(bytes, nameAt, nameBytes);
    const facts = readCentral(record, name, take(bytes, nameAt + nameBytes, extraBytes));
    if (facts.method !== METHOD.stored || facts.bytes !== facts.storedBytes)
      throw malformed('a file that is not stored');
    const { bytes: size, storedBytes, crc32 } = facts;
    planned.push({ name: readName(name, FLAG_UTF8), method: 'stored', bytes: size, storedBytes, crc32 });
    at = nameAt + nameBytes + extraBytes + commentBytes;
  }
  return planned;
}

function take(bytes: Uint8Array, at: number, length: number): Uint8Array {
  if (at + length > bytes.length) throw malformed('the directory of the ZIP file');
  return bytes.subarray(at, at + length);
}
