/** The fixed records of a ZIP archive as numbers (APPNOTE 6.3.10 §4.3), ZIP64 resolved; it knows nothing of their order. */
import { LogFormatError } from '../log/error.ts';
import { fromUtf8 } from '../log/utf8.ts';
import { ArchiveError } from './archive-error.ts';

export const SIGNATURE = {
  local: 0x04034b50,
  central: 0x02014b50,
  zip64End: 0x06064b50,
  zip64Locator: 0x07064b50,
  end: 0x06054b50,
} as const;

/** Bytes of each record after its four-byte signature and before its variable part. */
export const RECORD_BYTES = { local: 26, central: 42, zip64End: 52, zip64Locator: 16, end: 18 } as const;

export const METHOD = { stored: 0, deflated: 8 } as const;
/** Bit 11 of the flags: the name is UTF-8. */
export const FLAG_UTF8 = 0x0800;
const FLAG_ENCRYPTED = 0x0001;
const FLAG_DATA_DESCRIPTOR = 0x0008;
/** Bits 1 and 2 only say how hard the deflater tried. */
const FLAGS_ALLOWED = 0x0006 | FLAG_UTF8;

export const SENTINEL_16 = 0xffff;
export const SENTINEL_32 = 0xffffffff;
export const EXTRA_ZIP64 = 0x0001;
/** Times and owners, which say nothing about content: NTFS, extended timestamp, Info-ZIP Unix. A second name (0x7075) is not among them. */
const EXTRAS_IGNORED: readonly number[] = [0x000a, 0x5455, 0x5855, 0x7875];

const NAME_LIMIT_BYTES = 512;
const UNIX_FILE_TYPE = 0xf000;
const UNIX_TYPES_ALLOWED: readonly number[] = [0, 0x8000, 0x4000];

/** What the local and the central header must both say. */
export type EntryFacts = {
  name: Uint8Array;
  flags: number;
  method: number;
  /** DOS time and date, as one number. */
  modified: number;
  crc32: number;
  storedBytes: number;
  bytes: number;
};

type Sizes = Pick<EntryFacts, 'storedBytes' | 'bytes'>;

/** Lengths of the variable part behind a local header. */
export function readLocalLengths(record: Uint8Array): { nameBytes: number; extraBytes: number } {
  const view = viewOf(record);
  return { nameBytes: view.getUint16(22, true), extraBytes: view.getUint16(24, true) };
}

/** Throws: ArchiveError for flags, methods and extra fields that are not accepted. */
export function readLocal(record: Uint8Array, name: Uint8Array, extra: Uint8Array): EntryFacts {
  const view = viewOf(record);
  const sizes = { storedBytes: view.getUint32(14, true), bytes: view.getUint32(18, true) };
  return { ...readCommon(view, 2, name), ...resolveLocal(sizes, readExtra(extra)) };
}

export function readCentralLengths(record: Uint8Array): {
  nameBytes: number;
  extraBytes: number;
  commentBytes: number;
} {
  const view = viewOf(record);
  return {
    nameBytes: view.getUint16(24, true),
    extraBytes: view.getUint16(26, true),
    commentBytes: view.getUint16(28, true),
  };
}

/** Throws: ArchiveError, `not_a_file` for symbolic links and devices among others. */
export function readCentral(
  record: Uint8Array,
  name: Uint8Array,
  extra: Uint8Array,
): EntryFacts & { headerAt: number } {
  const view = viewOf(record);
  const madeByUnix = view.getUint8(1) === 3;
  const unixType = view.getUint16(36, true) & UNIX_FILE_TYPE;
  if (madeByUnix && !UNIX_TYPES_ALLOWED.includes(unixType)) throw new ArchiveError('not_a_file');
  if (view.getUint16(30, true) !== 0) throw new ArchiveError('central_mismatch');
  const raw = [view.getUint32(20, true), view.getUint32(16, true), view.getUint32(38, true)];
  const [bytes = 0, storedBytes = 0, headerAt = 0] = resolve(raw, readExtra(extra));
  return { ...readCommon(view, 4, name), storedBytes, bytes, headerAt };
}

export type EndFacts = { entries: number; centralBytes: number; centralAt: number };

/** Throws: ArchiveError end_mismatch when the archive is spread over disks or the record is of another version. */
export function readZip64End(record: Uint8Array): EndFacts {
  const view = viewOf(record);
  const isVersion1 = readUint64(view, 0) === RECORD_BYTES.zip64End - 8;
  if (!isVersion1 || view.getUint32(12, true) !== 0 || view.getUint32(16, true) !== 0)
    throw new ArchiveError('end_mismatch');
  const entries = readUint64(view, 28);
  if (readUint64(view, 20) !== entries) throw new ArchiveError('end_mismatch');
  return { entries, centralBytes: readUint64(view, 36), centralAt: readUint64(view, 44) };
}

/** Returns: where the locator says that the ZIP64 end record stands. */
export function readZip64Locator(record: Uint8Array): number {
  const view = viewOf(record);
  if (view.getUint32(0, true) !== 0 || view.getUint32(12, true) !== 1) throw new ArchiveError('end_mismatch');
  return readUint64(view, 4);
}

/** Checks the end record, whose fields may hold a sentinel only where a ZIP64 end record says the true number. */
export function checkEnd(record: Uint8Array, truth: EndFacts, hasZip64: boolean): void {
  const view = viewOf(record);
  if (view.getUint16(16, true) !== 0) throw new ArchiveError('comment');
  const agrees = (stated: number, actual: number, sentinel: number): boolean =>
    stated === actual || (hasZip64 && stated === sentinel);
  const isRight =
    view.getUint16(0, true) === 0 &&
    view.getUint16(2, true) === 0 &&
    agrees(view.getUint16(4, true), truth.entries, SENTINEL_16) &&
    agrees(view.getUint16(6, true), truth.entries, SENTINEL_16) &&
    agrees(view.getUint32(8, true), truth.centralBytes, SENTINEL_32) &&
    agrees(view.getUint32(12, true), truth.centralAt, SENTINEL_32);
  if (!isRight) throw new ArchiveError('end_mismatch');
}

/**
 * The name of an entry as text.
 *
 * Shape:  relative, `/` between parts, no part empty, `.` or `..`, no control character, no `\` or `:`; a folder ends in `/`.
 * Throws: ArchiveError bad_name.
 */
export function readName(name: Uint8Array, flags: number): string {
  const text = nameText(name, flags);
  const parts = (text.endsWith('/') ? text.slice(0, -1) : text).split('/');
  const isBad = parts.some((part) => part === '' || part === '.' || part === '..') || /[\p{Cc}\\:]/u.test(text);
  if (isBad || name.length > NAME_LIMIT_BYTES) throw new ArchiveError('bad_name');
  return text;
}

/** Two names that read the same so are one name: readers differ in whether they tell letters of two cases apart. */
export function foldName(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

function nameText(name: Uint8Array, flags: number): string {
  const isUtf8 = (flags & FLAG_UTF8) !== 0;
  if (!isUtf8 && name.some((octet) => octet > 0x7e)) throw new ArchiveError('bad_name');
  try {
    return fromUtf8(name);
  } catch (error) {
    if (error instanceof LogFormatError) throw new ArchiveError('bad_name');
    throw error;
  }
}

/** Flags to CRC stand in the same order in both headers, two bytes later in the central one. */
function readCommon(view: DataView, offset: number, name: Uint8Array) {
  const flags = view.getUint16(offset, true);
  const method = view.getUint16(offset + 2, true);
  if (flags & FLAG_ENCRYPTED) throw new ArchiveError('encrypted_entry');
  if (flags & FLAG_DATA_DESCRIPTOR) throw new ArchiveError('data_descriptor');
  if (flags & ~FLAGS_ALLOWED) throw new ArchiveError('unsupported_flags');
  if (method !== METHOD.stored && method !== METHOD.deflated) throw new ArchiveError('unsupported_method');
  return { name, flags, method, modified: view.getUint32(offset + 4, true), crc32: view.getUint32(offset + 8, true) };
}

/** The content of the ZIP64 field, if there is one. */
function readExtra(extra: Uint8Array): Uint8Array | undefined {
  const view = viewOf(extra);
  const seen = new Set<number>();
  let zip64: Uint8Array | undefined;
  for (let at = 0; at < extra.length; ) {
    if (at + 4 > extra.length) throw new ArchiveError('extra_field');
    const id = view.getUint16(at, true);
    const end = at + 4 + view.getUint16(at + 2, true);
    const isKnown = id === EXTRA_ZIP64 || EXTRAS_IGNORED.includes(id);
    if (!isKnown || seen.has(id) || end > extra.length) throw new ArchiveError('extra_field');
    seen.add(id);
    if (id === EXTRA_ZIP64) zip64 = extra.subarray(at + 4, end);
    at = end;
  }
  return zip64;
}

/** A local header with a ZIP64 field says both sizes there, and neither in itself (APPNOTE §4.5.3). */
function resolveLocal(sizes: Sizes, zip64: Uint8Array | undefined): Sizes {
  const isOne = sizes.bytes === SENTINEL_32 || sizes.storedBytes === SENTINEL_32;
  const isBoth = sizes.bytes === SENTINEL_32 && sizes.storedBytes === SENTINEL_32;
  if (isOne !== isBoth) throw new ArchiveError('zip64_mismatch');
  const [bytes = 0, storedBytes = 0] = resolve([sizes.bytes, sizes.storedBytes], zip64);
  return { bytes, storedBytes };
}

/** Takes the true value of every field that holds the sentinel; the ZIP64 field must hold exactly those. */
function resolve(fields: number[], zip64: Uint8Array | undefined): number[] {
  const missing = fields.filter((field) => field === SENTINEL_32).length;
  if ((zip64?.length ?? 0) !== missing * 8 || (missing === 0 && zip64)) throw new ArchiveError('zip64_mismatch');
  const view = viewOf(zip64 ?? new Uint8Array(0));
  let at = 0;
  return fields.map((field) => {
    if (field !== SENTINEL_32) return field;
    at += 8;
    return readUint64(view, at - 8);
  });
}

function readUint64(view: DataView, at: number): number {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw new ArchiveError('zip64_mismatch');
  return value;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
