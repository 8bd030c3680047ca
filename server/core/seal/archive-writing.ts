/** The headers and the directory of a ZIP archive whose entries are all known beforehand; it reads no file and compresses nothing. */
import { joinBytes } from '../log/bytes.ts';
import { utf8 } from '../log/utf8.ts';
import type { ArchiveEntry } from './archive.ts';
import {
  EXTRA_ZIP64,
  FLAG_UTF8,
  METHOD,
  RECORD_BYTES,
  SENTINEL_16,
  SENTINEL_32,
  SIGNATURE,
} from './archive-records.ts';

/** An entry before its place in the archive is known. */
export type PlannedEntry = Omit<ArchiveEntry, 'dataAt'>;

export type ArchivePlan = {
  archiveBytes: number;
  /** What stands before the stored bytes of each entry, in the order given. */
  localHeaders: Uint8Array[];
  /** What stands behind the last entry. */
  ending: Uint8Array;
};

const VERSION_PLAIN = 20;
const VERSION_ZIP64 = 45;
/** 1980-01-01, the first instant there is in a ZIP: file times would tell more about the bidder than he means to say. */
const MODIFIED = 0x0021_0000;

/**
 * Lays out an archive that `startArchive` accepts.
 *
 * Shape: sizes and CRC in front of each entry, names in UTF-8, ZIP64 exactly where a number needs it.
 */
export function planArchive(entries: readonly PlannedEntry[]): ArchivePlan {
  let at = 0;
  const placed = entries.map((entry) => {
    const header = writeLocal(entry);
    const headerAt = at;
    at += header.length + entry.storedBytes;
    return { entry, header, headerAt };
  });
  const central = joinBytes(...placed.map(({ entry, headerAt }) => writeCentral(entry, headerAt)));
  const ending = joinBytes(central, writeEnd(entries.length, central.length, at));
  return { archiveBytes: at + ending.length, localHeaders: placed.map(({ header }) => header), ending };
}

function isLarge(...numbers: number[]): boolean {
  return numbers.some((number) => number >= SENTINEL_32);
}

function writeLocal(entry: PlannedEntry): Uint8Array {
  const needsZip64 = isLarge(entry.bytes, entry.storedBytes);
  const extra = needsZip64 ? writeZip64([entry.bytes, entry.storedBytes]) : new Uint8Array(0);
  const name = utf8(entry.name);
  const view = new DataView(new ArrayBuffer(4 + RECORD_BYTES.local));
  view.setUint32(0, SIGNATURE.local, true);
  view.setUint16(4, needsZip64 ? VERSION_ZIP64 : VERSION_PLAIN, true);
  writeCommon(view, 6, entry, needsZip64);
  view.setUint16(26, name.length, true);
  view.setUint16(28, extra.length, true);
  return joinBytes(new Uint8Array(view.buffer), name, extra);
}

function writeCentral(entry: PlannedEntry, headerAt: number): Uint8Array {
  // The sizes are written as in the local header: both there, or both in the ZIP64 field.
  const sizesAreLarge = isLarge(entry.bytes, entry.storedBytes);
  const large = [...(sizesAreLarge ? [entry.bytes, entry.storedBytes] : []), ...(isLarge(headerAt) ? [headerAt] : [])];
  const extra = large.length > 0 ? writeZip64(large) : new Uint8Array(0);
  const name = utf8(entry.name);
  const view = new DataView(new ArrayBuffer(4 + RECORD_BYTES.central));
  view.setUint32(0, SIGNATURE.central, true);
  view.setUint16(4, large.length > 0 ? VERSION_ZIP64 : VERSION_PLAIN, true);
  view.setUint16(6, large.length > 0 ? VERSION_ZIP64 : VERSION_PLAIN, true);
  writeCommon(view, 8, entry, sizesAreLarge);
  view.setUint16(28, name.length, true);
  view.setUint16(30, extra.length, true);
  view.setUint32(42, Math.min(headerAt, SENTINEL_32), true);
  return joinBytes(new Uint8Array(view.buffer), name, extra);
}

/** Flags to sizes, the same in both headers. */
function writeCommon(view: DataView, offset: number, entry: PlannedEntry, sizesAreElsewhere: boolean): void {
  view.setUint16(offset, FLAG_UTF8, true);
  view.setUint16(offset + 2, METHOD[entry.method], true);
  view.setUint32(offset + 4, MODIFIED, true);
  view.setUint32(offset + 8, entry.crc32, true);
  view.setUint32(offset + 12, sizesAreElsewhere ? SENTINEL_32 : entry.storedBytes, true);
  view.setUint32(offset + 16, sizesAreElsewhere ? SENTINEL_32 : entry.bytes, true);
}

function writeZip64(numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + numbers.length * 8));
  view.setUint16(0, EXTRA_ZIP64, true);
  view.setUint16(2, numbers.length * 8, true);
  for (const [index, number] of numbers.entries()) setUint64(view, 4 + index * 8, number);
  return new Uint8Array(view.buffer);
}

function writeEnd(entries: number, centralBytes: number, centralAt: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + RECORD_BYTES.end));
  view.setUint32(0, SIGNATURE.end, true);
  view.setUint16(8, Math.min(entries, SENTINEL_16), true);
  view.setUint16(10, Math.min(entries, SENTINEL_16), true);
  view.setUint32(12, Math.min(centralBytes, SENTINEL_32), true);
  view.setUint32(16, Math.min(centralAt, SENTINEL_32), true);
  const end = new Uint8Array(view.buffer);
  const needsZip64 = entries >= SENTINEL_16 || isLarge(centralBytes, centralAt);
  return needsZip64 ? joinBytes(writeZip64End(entries, centralBytes, centralAt), end) : end;
}

function writeZip64End(entries: number, centralBytes: number, centralAt: number): Uint8Array {
  const end = new DataView(new ArrayBuffer(4 + RECORD_BYTES.zip64End));
  end.setUint32(0, SIGNATURE.zip64End, true);
  setUint64(end, 4, RECORD_BYTES.zip64End - 8);
  end.setUint16(12, VERSION_ZIP64, true);
  end.setUint16(14, VERSION_ZIP64, true);
  setUint64(end, 24, entries);
  setUint64(end, 32, entries);
  setUint64(end, 40, centralBytes);
  setUint64(end, 48, centralAt);
  const locator = new DataView(new ArrayBuffer(4 + RECORD_BYTES.zip64Locator));
  locator.setUint32(0, SIGNATURE.zip64Locator, true);
  setUint64(locator, 8, centralAt + centralBytes);
  locator.setUint32(16, 1, true);
  return joinBytes(new Uint8Array(end.buffer), new Uint8Array(locator.buffer));
}

function setUint64(view: DataView, at: number, number: number): void {
  view.setUint32(at, number % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(number / 2 ** 32), true);
}
