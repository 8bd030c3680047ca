/** Reads a log from one ZIP file whose every byte follows from its files: nothing can be hidden between them. */
import { compareText } from '../core/log/bundle.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { ArchiveError } from '../core/seal/archive-error.ts';
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
} from '../core/seal/archive-records.ts';
import { type ArchivePlan, type PlannedEntry, planArchive } from '../core/seal/archive-writing.ts';
import { type DecodeUtf8, exportSource, type LogSource, SourceError } from './source.ts';

/** The directory of a ZIP of half a million files. */
export const DIRECTORY_LIMIT_BYTES = 67_108_864;
const SIGNATURE_BYTES = 4;
const END_BYTES = SIGNATURE_BYTES + RECORD_BYTES.end;
const LOCATOR_BYTES = SIGNATURE_BYTES + RECORD_BYTES.zip64Locator;
const ZIP64_END_BYTES = SIGNATURE_BYTES + RECORD_BYTES.zip64End;

type Stored = { readonly dataAt: number; readonly bytes: number; readonly crc32: number };

/** The bytes of a ZIP file, wherever they are: `length` of them from `at` on, or fewer where it ends. */
export type ZipBytes = {
  readonly size: number;
  read(at: number, length: number): Uint8Array | Promise<Uint8Array>;
};

export type ZipTools = { readonly crc32: (bytes: Uint8Array) => number; readonly decodeUtf8?: DecodeUtf8 };

/**
 * An export or a bundle in a ZIP file, read in place.
 *
 * Shape:  exactly what `kaibiao bundle` makes of its files.
 * Throws: SourceError file_malformed for any other ZIP: readers of ZIP differ over headers that contradict each other and bytes that
 *         no header accounts for, and of this one not a byte is anybody's choice.
 */
export async function zipSource(name: string, file: ZipBytes, { crc32, decodeUtf8 }: ZipTools): Promise<LogSource> {
  try {
    const files = await readPlaces(file);
    const read = async (path: string, limitBytes: number): Promise<Uint8Array | null> => {
      const stored = files.get(path);
      if (stored === undefined) return null;
      if (stored.bytes > limitBytes) throw malformed(`${path}: longer than ${limitBytes} bytes`);
      const bytes = await readAt(file, stored.dataAt, stored.bytes);
      if (crc32(bytes) !== stored.crc32) throw malformed(`${path}: its bytes are not those of the directory`);
      return bytes;
    };
    async function* list() {
      for (const path of files.keys()) yield { path, isFile: true };
    }
    return exportSource(name, read, list, decodeUtf8);
  } catch (error) {
    if (error instanceof ArchiveError) throw malformed(error.message);
    throw error;
  }
}

function malformed(why: string): SourceError {
  return new SourceError('file_malformed', why);
}

async function readAt(file: ZipBytes, at: number, length: number): Promise<Uint8Array> {
  const bytes = await file.read(at, length);
  if (bytes.length < length) throw malformed('the ZIP file ends too early');
  return bytes;
}

/** Where each file's bytes stand, once the whole archive is known to be the one that these files make. */
async function readPlaces(file: ZipBytes): Promise<Map<string, Stored>> {
  const { size } = file;
  const end = await readEnd(file);
  if (end.centralBytes > DIRECTORY_LIMIT_BYTES || end.centralAt + end.centralBytes > size)
    throw malformed('the directory of the ZIP file');
  const planned = readDirectory(await readAt(file, end.centralAt, end.centralBytes));
  const plan = planArchive(planned);
  if (plan.archiveBytes !== size) throw malformed('the ZIP file has bytes that are of no file');
  const ending = await readAt(file, size - plan.ending.length, plan.ending.length);
  if (!sameBytes(ending, plan.ending)) throw malformed('the directory of the ZIP file');
  return placesOf(file, planned, plan);
}

async function placesOf(
  file: ZipBytes,
  planned: readonly PlannedEntry[],
  { localHeaders }: ArchivePlan,
): Promise<Map<string, Stored>> {
  const files = new Map<string, Stored>();
  let at = 0;
  let before = '';
  for (const [n, { name, bytes, crc32 }] of planned.entries()) {
    const header = localHeaders[n] as Uint8Array;
    if (!sameBytes(await readAt(file, at, header.length), header)) throw malformed(`${name}: its header`);
    if (n > 0 && compareText(before, name) >= 0) throw malformed(`${name}: out of order, or there twice`);
    files.set(name, { dataAt: at + header.length, bytes, crc32 });
    at += header.length + bytes;
    before = name;
  }
  return files;
}

/** What the end records say; whether it is true shows when they are made again. */
async function readEnd(file: ZipBytes): Promise<EndFacts> {
  const { size } = file;
  if (size < END_BYTES) throw malformed('no ZIP file');
  const end = await readAt(file, size - END_BYTES, END_BYTES);
  const view = new DataView(end.buffer, end.byteOffset);
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
  const zip64At = readZip64Locator((await readAt(file, locatorAt, LOCATOR_BYTES)).subarray(SIGNATURE_BYTES));
  if (zip64At > size) throw malformed('the end of the ZIP file');
  return readZip64End((await readAt(file, zip64At, ZIP64_END_BYTES)).subarray(SIGNATURE_BYTES));
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
