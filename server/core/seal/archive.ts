/** A streaming reader of the ZIP archive inside an envelope, first byte to last; it refuses every archive that could show two faces. */
import { sameBytes } from '../log/bytes.ts';
import { ArchiveError } from './archive-error.ts';
import {
  checkEnd,
  type EntryFacts,
  foldName,
  METHOD,
  RECORD_BYTES,
  readCentral,
  readCentralLengths,
  readLocal,
  readLocalLengths,
  readName,
  readZip64End,
  readZip64Locator,
  SIGNATURE,
} from './archive-records.ts';
import { type Feed, type Step, startFeed } from './byte-feed.ts';
import { crc32 } from './crc32.ts';
import { OPENING_LIST_LIMIT_BYTES, OPENING_LIST_NAME } from './opening-list.ts';

export const ARCHIVE_ENTRIES_LIMIT = 10_000;
/** Deflating what cannot be compressed adds a few bytes per block. */
const DEFLATED_LIST_LIMIT_BYTES = OPENING_LIST_LIMIT_BYTES + 1_024;

/** Inflates raw deflate data whole. Returns: undefined unless it is well-formed, ends where `bytes` ends and gives at most `limit` bytes. */
export type Inflate = (bytes: Uint8Array, limit: number) => Uint8Array | undefined;

export type ArchiveEntry = {
  name: string;
  method: 'stored' | 'deflated';
  crc32: number;
  bytes: number;
  storedBytes: number;
  /** Offset of its first stored byte in the archive. */
  dataAt: number;
};

export type ArchiveContents = {
  /** Bytes of `opening-list.json`, length and CRC checked; nothing about them is authentic before the envelope's tag is. */
  openingList: Uint8Array;
  /** In the order of the archive, the list first. Only the list's own bytes were looked at. */
  entries: ArchiveEntry[];
};

export type ArchiveReader = {
  /** Throws: ArchiveError, then the same for ever. */
  push(chunk: Uint8Array): void;
  end(): ArchiveContents;
};

type Local = { facts: EntryFacts; headerAt: number };

/**
 * Starts reading one archive.
 *
 * Shape:  entries one behind the other from byte 0, each with its sizes in front (no data descriptors), stored or deflated, names
 *         unlike even after case folding; then a central directory that repeats every local header in the same order; then the end
 *         records, without comment; nothing before, between or after. ZIP64 where numbers need it.
 * Why:    readers disagree on everything else: some trust the local headers, some the central ones, some search the end record from
 *         behind. An archive on which they cannot disagree shows one price to all.
 * Source: APPNOTE 6.3.10.
 */
export function startArchive(inflate: Inflate): ArchiveReader {
  return startFeed(
    (feed) => readArchive(feed, inflate),
    () => new ArchiveError('truncated'),
  );
}

function* readArchive(feed: Feed, inflate: Inflate): Step<ArchiveContents> {
  const locals: Local[] = [];
  const entries: ArchiveEntry[] = [];
  const names = new Set<string>();
  let openingList: Uint8Array | undefined;

  let headerAt = feed.position();
  let signature = yield* takeUint32(feed);
  if (signature !== SIGNATURE.local) throw new ArchiveError('prefix_bytes');
  while (signature === SIGNATURE.local) {
    if (locals.length >= ARCHIVE_ENTRIES_LIMIT) throw new ArchiveError('too_many_entries');
    const facts = yield* takeLocal(feed);
    const entry = describe(facts, feed.position());
    const folded = foldName(entry.name);
    if (names.has(folded)) throw new ArchiveError('duplicate_name');
    names.add(folded);
    locals.push({ facts, headerAt });
    entries.push(entry);
    if (openingList === undefined) openingList = yield* takeOpeningList(feed, entry, inflate);
    else yield* feed.pass(entry.storedBytes, () => undefined);
    headerAt = feed.position();
    signature = yield* takeUint32(feed);
  }

  const centralAt = headerAt;
  for (const local of locals) {
    if (signature !== SIGNATURE.central) throw new ArchiveError('gap');
    yield* checkCentral(feed, local);
    headerAt = feed.position();
    signature = yield* takeUint32(feed);
  }
  yield* checkEnding(
    feed,
    signature,
    { entries: locals.length, centralBytes: headerAt - centralAt, centralAt },
    headerAt,
  );
  if (openingList === undefined) throw new ArchiveError('first_not_opening_list');
  return { openingList, entries };
}

function* takeLocal(feed: Feed): Step<EntryFacts> {
  const record = (yield* feed.take(RECORD_BYTES.local)).slice();
  const { nameBytes, extraBytes } = readLocalLengths(record);
  const name = (yield* feed.take(nameBytes)).slice();
  return readLocal(record, name, yield* feed.take(extraBytes));
}

function describe(facts: EntryFacts, dataAt: number): ArchiveEntry {
  const name = readName(facts.name, facts.flags);
  const isStored = facts.method === METHOD.stored;
  if (isStored && facts.bytes !== facts.storedBytes) throw new ArchiveError('stored_size_differs');
  if (name.endsWith('/') && facts.storedBytes > 0) throw new ArchiveError('not_a_file');
  const { crc32, bytes, storedBytes } = facts;
  return { name, method: isStored ? 'stored' : 'deflated', crc32, bytes, storedBytes, dataAt };
}

function* takeOpeningList(feed: Feed, entry: ArchiveEntry, inflate: Inflate): Step<Uint8Array> {
  if (entry.name !== OPENING_LIST_NAME) throw new ArchiveError('first_not_opening_list');
  const isTooLong = entry.bytes > OPENING_LIST_LIMIT_BYTES || entry.storedBytes > DEFLATED_LIST_LIMIT_BYTES;
  if (isTooLong) throw new ArchiveError('opening_list_too_long');
  const stored = yield* feed.take(entry.storedBytes);
  const list = entry.method === 'stored' ? stored.slice() : inflate(stored, entry.bytes);
  if (list?.length !== entry.bytes || crc32(list) !== entry.crc32) throw new ArchiveError('opening_list_damaged');
  return list;
}

function* checkCentral(feed: Feed, local: Local): Step<void> {
  const record = (yield* feed.take(RECORD_BYTES.central)).slice();
  const { nameBytes, extraBytes, commentBytes } = readCentralLengths(record);
  const name = (yield* feed.take(nameBytes)).slice();
  const central = readCentral(record, name, yield* feed.take(extraBytes));
  if (commentBytes > 0) throw new ArchiveError('comment');
  const { facts, headerAt } = local;
  const isSame =
    sameBytes(central.name, facts.name) &&
    central.flags === facts.flags &&
    central.method === facts.method &&
    central.modified === facts.modified &&
    central.crc32 === facts.crc32 &&
    central.storedBytes === facts.storedBytes &&
    central.bytes === facts.bytes &&
    central.headerAt === headerAt;
  if (!isSame) throw new ArchiveError('central_mismatch');
}

/** Everything behind the central directory; `signature` is of the record that stands at `recordAt`. */
function* checkEnding(
  feed: Feed,
  signature: number,
  truth: { entries: number; centralBytes: number; centralAt: number },
  recordAt: number,
): Step<void> {
  const hasZip64 = signature === SIGNATURE.zip64End;
  let endSignature = signature;
  if (hasZip64) {
    const stated = readZip64End(yield* feed.take(RECORD_BYTES.zip64End));
    const isRight =
      stated.entries === truth.entries &&
      stated.centralBytes === truth.centralBytes &&
      stated.centralAt === truth.centralAt;
    if (!isRight || (yield* takeUint32(feed)) !== SIGNATURE.zip64Locator) throw new ArchiveError('end_mismatch');
    if (readZip64Locator(yield* feed.take(RECORD_BYTES.zip64Locator)) !== recordAt)
      throw new ArchiveError('end_mismatch');
    endSignature = yield* takeUint32(feed);
  }
  if (endSignature === SIGNATURE.central) throw new ArchiveError('central_mismatch');
  if (endSignature !== SIGNATURE.end) throw new ArchiveError('gap');
  checkEnd(yield* feed.take(RECORD_BYTES.end), truth, hasZip64);
  if (!(yield* feed.isAtEnd())) throw new ArchiveError('trailing_bytes');
}

function* takeUint32(feed: Feed): Step<number> {
  const [a = 0, b = 0, c = 0, d = 0] = yield* feed.take(4);
  return a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
}
