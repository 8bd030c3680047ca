/** Where a verifier reads a log from: an export folder on disk, or a server's public tiles. It believes neither, and reads no more than a limit. */
import { closeSync, type Dirent, constants as fsConstants, fstatSync, openSync, readFileSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64 } from '../core/log/base64.ts';
import {
  MANIFEST_FILE,
  MANIFEST_LIMIT_BYTES,
  MANIFEST_NOTE_FILE,
  POLICY_FILE,
  RECORD_FILE,
} from '../core/log/bundle.ts';
import { isJsonObject, type Json, parseCanonical } from '../core/log/canonical.ts';
import { DISCLOSURE_LIMIT_CHARACTERS } from '../core/log/disclosure.ts';
import { ENTRY_LIMIT_BYTES } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { HASH_BYTES } from '../core/log/hash.ts';
import { NOTE_LIMIT_BYTES } from '../core/log/note.ts';
import {
  bundlesOf,
  formatTilePath,
  type HashTile,
  parseBundle,
  parseTilePath,
  TILE_WIDTH,
  tileWidth,
} from '../core/log/tile.ts';
import { CRL_LIMIT_BYTES } from '../core/pki/crl.ts';
import { RESPONSE_LIMIT_BYTES } from '../core/timestamp/token.ts';
import { textOfBytes } from '../native-text.ts';
import { type PemLabel, readPem } from './pem-file.ts';
import { type Reach, ReachError, reachOut, systemReach } from './reach.ts';

/** Longest answer that is read for one file of a log: a full bundle of the longest entries. */
export const FILE_LIMIT_BYTES = TILE_WIDTH * (ENTRY_LIMIT_BYTES + 2);
const VKEY_LIMIT_BYTES = 1_024;
const HASH_TILE_LIMIT_BYTES = TILE_WIDTH * HASH_BYTES;
/** A proof has its checkpoint and at most 63 hashes before it. */
const PROOF_LIMIT_BYTES = NOTE_LIMIT_BYTES + 4_096;
/** Disclosures of one entry, or of one page of them. */
const DISCLOSURES_LIMIT_BYTES = 8 * DISCLOSURE_LIMIT_CHARACTERS;
/** Certificates or revocation lists of one stamp, in PEM: an authority's own CA has few of either. */
const STAMP_EVIDENCE_LIMIT_BYTES = 67_108_864;

/** The proof that a log's last head stands in the ledger. */
export type Anchor = {
  readonly vkey: string;
  readonly checkpoint: string;
  /** The exact bytes of the ledger's entry. */
  readonly head: Uint8Array;
  readonly proof: string;
};

/** A time-stamp (RFC 3161) with what it is judged by, as it was found: nothing of it is checked. */
export type Stamp = {
  /** Where it was found. */
  readonly name: string;
  /** DER of the TimeStampResp. */
  readonly response: Uint8Array;
  /** DER of the certificates from the signer to the root. */
  readonly path: readonly Uint8Array[];
  /** DER of the revocation lists of that moment. */
  readonly crls: readonly Uint8Array[];
};

/** Time-stamps over one signed note of the ledger. */
export type StampedNote = { readonly note: string; readonly stamps: readonly Stamp[] };

export type LogSource = {
  readonly name: string;
  vkey(): Promise<string>;
  checkpoint(): Promise<string>;
  /** The entries [from, size) of a log of that size; `from` is 0 when absent. */
  entries(size: number, from?: number): AsyncGenerator<Uint8Array>;
  /** The bytes of a hash tile as published. */
  hashTile(tile: HashTile): Promise<Uint8Array>;
  disclosuresFor(seq: number): Promise<readonly string[]>;
  /** A file that certificates were judged by, under its digest; null where the source shows none. */
  evidence(sha256: string): Promise<Uint8Array | null>;
  /** Null when the source holds none. */
  anchor(): Promise<Anchor | null>;
  /** The time-stamps that came with the anchor, or that the server has of the log's newest stamped head; null when there is none. */
  timestamps(): Promise<StampedNote | null>;
  /** The first file that has no place in a log of this size; null when there is none, or none could be found out. */
  unlisted(size: number): Promise<string | null>;
  /** The manifest of a bundle with all its files; null where the source is none. */
  bundle(): Promise<BundleSource | null>;
  /** The whole ledger of the same platform, where it stands beside this log; null where none does. */
  ledger(): LogSource | null;
  /** Lets go of what it is read from; absent where nothing is held. */
  close?(): Promise<void>;
};

/** An evidence bundle as it was found: nothing of it is checked. */
export type BundleSource = {
  readonly manifest: Uint8Array;
  readonly note: string;
  read(path: string, limitBytes: number): Promise<Uint8Array | null>;
  list(): AsyncIterable<ListedFile>;
};

export const SOURCE_CODES = ['source_unreadable', 'file_missing', 'file_malformed', 'file_unlisted'] as const;

/** The source cannot be read, or not as a log; says which file. */
export class SourceError extends Error {
  readonly code: (typeof SOURCE_CODES)[number];
  constructor(code: SourceError['code'], message: string) {
    super(message);
    this.name = 'SourceError';
    this.code = code;
  }
}

/** Reads one file; null when it is not there. Throws: SourceError when it is longer than the limit or cannot be reached. */
export type ReadFile = (path: string, limitBytes: number) => Promise<Uint8Array | null>;

/** A path with slashes below the log's folder; `isFile` is false for a link, a socket and the like. */
export type ListedFile = { readonly path: string; readonly isFile: boolean };

async function need(read: ReadFile, path: string, limitBytes: number): Promise<Uint8Array> {
  const bytes = await read(path, limitBytes);
  if (bytes === null) throw new SourceError('file_missing', path);
  return bytes;
}

/** What `parse` makes of a file. Throws: SourceError file_malformed in the place of a LogFormatError. */
function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new SourceError('file_malformed', `${path}: ${fault.message}`);
    throw fault;
  }
}

async function text(read: ReadFile, path: string, limitBytes: number): Promise<string> {
  const bytes = await need(read, path, limitBytes);
  return parsed(path, () => textOfBytes(bytes));
}

/** A verifier key with exactly one line feed behind it. */
async function vkeyFile(read: ReadFile, path: string): Promise<string> {
  const line = await text(read, path, VKEY_LIMIT_BYTES);
  if (!/^[^\n]+\n$/u.test(line)) throw new SourceError('file_malformed', `${path}: not one line`);
  return line.slice(0, -1);
}

async function* bundles(read: ReadFile, size: number, from: number): AsyncGenerator<Uint8Array> {
  for (const bundle of bundlesOf(size)) {
    const first = bundle.index * TILE_WIDTH;
    if (first + bundle.width <= from) continue;
    const path = formatTilePath(bundle);
    const bytes = await need(read, path, FILE_LIMIT_BYTES);
    const entries = parsed(path, () => parseBundle(bytes, bundle.width));
    yield* first < from ? entries.slice(from - first) : entries;
  }
}

function tiled(
  name: string,
  read: ReadFile,
  rest: Pick<LogSource, 'disclosuresFor' | 'evidence' | 'anchor' | 'timestamps' | 'unlisted' | 'bundle' | 'ledger'>,
): LogSource {
  return {
    name,
    vkey: () => vkeyFile(read, 'vkey'),
    checkpoint: () => text(read, 'checkpoint', NOTE_LIMIT_BYTES),
    entries: (size, from = 0) => bundles(read, size, from),
    hashTile: (tile) => need(read, formatTilePath(tile), HASH_TILE_LIMIT_BYTES),
    ...rest,
  };
}

/** The list of disclosures of one file, which is not there rather than empty. Throws: SourceError file_malformed. */
function listOfTexts(bytes: Uint8Array, path: string): string[] {
  const value = parsed(path, () => parseCanonical(textOfBytes(bytes)));
  if (!Array.isArray(value) || value.length === 0 || !value.every((v) => typeof v === 'string'))
    throw new SourceError('file_malformed', `${path}: no list of disclosures`);
  return value;
}

/** What of the system says that a path leads to no file. */
const NO_FILE = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'];

/**
 * An export folder (core/log/FORMAT.md §7) on disk.
 *
 * Why: read in place and not by promises. Most files are the disclosures of one entry, a few kilobytes each; four trips to a thread
 *      and back cost more than the file, and whoever verifies has nothing else to do meanwhile.
 */
export function folderSource(folder: string): LogSource {
  const read: ReadFile = async (path, limitBytes) => {
    try {
      // a link would let a bundle show what is not in it
      const file = openSync(join(folder, path), fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW);
      try {
        const { size } = fstatSync(file);
        if (size > limitBytes) throw new SourceError('file_malformed', `${path}: longer than ${limitBytes} bytes`);
        return new Uint8Array(readFileSync(file));
      } finally {
        closeSync(file);
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && NO_FILE.includes(String(error.code))) return null;
      throw error;
    }
  };
  return exportSource(folder, read, () => filesBelow(folder));
}

/** An export wherever its files are: `read` gives one, `list` all of them. */
export function exportSource(name: string, read: ReadFile, list: () => AsyncIterable<ListedFile>): LogSource {
  return tiled(name, read, {
    async disclosuresFor(seq) {
      const path = `disclosures/${seq}.json`;
      const bytes = await read(path, DISCLOSURES_LIMIT_BYTES);
      return bytes === null ? [] : listOfTexts(bytes, path);
    },
    evidence: (sha256) => read(`${EVIDENCE_FOLDER}/${sha256}`, CRL_LIMIT_BYTES),
    async anchor() {
      const parts = await Promise.all(ANCHOR_FILES.map((path) => read(path, PROOF_LIMIT_BYTES + ENTRY_LIMIT_BYTES)));
      if (parts.every((part) => part === null)) return null;
      return {
        vkey: await vkeyFile(read, 'anchor/vkey'),
        checkpoint: await text(read, 'anchor/checkpoint', NOTE_LIMIT_BYTES),
        head: await need(read, 'anchor/head.json', ENTRY_LIMIT_BYTES),
        proof: await text(read, 'anchor/opening.tlog-proof', PROOF_LIMIT_BYTES),
      };
    },
    async timestamps() {
      const stamps: Stamp[] = [];
      for (let n = 1; n <= STAMPS_LIMIT; n++) stamps.push(...(await readStamp(read, n, stamps.length)));
      if (stamps.length === 0) return null;
      return { note: await text(read, 'anchor/checkpoint', NOTE_LIMIT_BYTES), stamps };
    },
    async unlisted(size) {
      const isBundle = (await read(MANIFEST_FILE, MANIFEST_LIMIT_BYTES)) !== null;
      for await (const { path, isFile } of list())
        if (!isFile || !(isListed(path, size) || (isBundle && isOfBundle(path)))) return path;
      return null;
    },
    async bundle() {
      const manifest = await read(MANIFEST_FILE, MANIFEST_LIMIT_BYTES);
      if (manifest === null) return null;
      return { manifest, note: await text(read, MANIFEST_NOTE_FILE, NOTE_LIMIT_BYTES), read, list };
    },
    ledger: () => null,
  });
}

/** The files of a stamp in an export: the response, the certificates from its signer to the root, the revocation lists of that moment. */
export const stampPaths = (n: number) => ({
  response: `anchor/${n}.tsr`,
  path: `anchor/${n}.pem`,
  crls: `anchor/${n}.crl.pem`,
});
/** Stamps that one anchor may have. */
export const STAMPS_LIMIT = 9;

/** The n-th stamp of an anchor; none where it has none of that number. Throws: SourceError for half a stamp, and a gap before one. */
async function readStamp(read: ReadFile, n: number, before: number): Promise<Stamp[]> {
  const paths = stampPaths(n);
  const response = await read(paths.response, RESPONSE_LIMIT_BYTES);
  const crls = await read(paths.crls, STAMP_EVIDENCE_LIMIT_BYTES);
  if (response === null) {
    const isHalf = crls !== null || (await read(paths.path, STAMP_EVIDENCE_LIMIT_BYTES)) !== null;
    if (isHalf) throw new SourceError('file_missing', paths.response);
    return [];
  }
  if (before !== n - 1) throw new SourceError('file_missing', stampPaths(n - 1).response);
  const elements = (label: PemLabel, path: string, bytes: Uint8Array): Uint8Array[] => {
    const found = parsed(path, () => readPem(label, textOfBytes(bytes)));
    if (found === null) throw new SourceError('file_malformed', `${path}: not as this platform writes PEM`);
    return found;
  };
  const path = elements('CERTIFICATE', paths.path, await need(read, paths.path, STAMP_EVIDENCE_LIMIT_BYTES));
  return [{ name: paths.response, response, path, crls: crls === null ? [] : elements('X509 CRL', paths.crls, crls) }];
}

/** What certificates were judged by, each file under its digest. */
export const EVIDENCE_FOLDER = 'evidence';
export const ANCHOR_FILES = ['anchor/vkey', 'anchor/checkpoint', 'anchor/head.json', 'anchor/opening.tlog-proof'];

/** Every file below a folder, by its path with slashes; what is neither file nor folder is named as no file. */
export async function* filesBelow(folder: string, below = ''): AsyncGenerator<ListedFile> {
  let children: AsyncIterable<Dirent>;
  try {
    children = await opendir(join(folder, below));
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_FILE.includes(String(error.code))) return;
    throw error;
  }
  for await (const child of children) {
    const path = below === '' ? child.name : `${below}/${child.name}`;
    if (child.isDirectory()) yield* filesBelow(folder, path);
    else yield { path, isFile: child.isFile() };
  }
}

/** Whether the folder of a log has a place for this file: of this size, or, when it is null, of any. */
export function isListed(path: string, size: number | null): boolean {
  if (path === 'checkpoint' || path === 'vkey' || ANCHOR_FILES.includes(path)) return true;
  if (/^evidence\/[A-Za-z0-9_-]{43}$/.test(path) || /^anchor\/[1-9]\.(?:tsr|pem|crl\.pem)$/.test(path)) return true;
  const disclosures = /^disclosures\/(0|[1-9][0-9]{0,15})\.json$/.exec(path);
  if (disclosures !== null) return size === null || Number(disclosures[1]) < size;
  try {
    const tile = parseTilePath(path);
    const level = tile.kind === 'hashes' ? tile.level : 0;
    return size === null || tile.width === tileWidth(level, tile.index, size);
  } catch (fault) {
    if (fault instanceof LogFormatError) return false;
    throw fault;
  }
}

/** What a bundle has beside the files of an export. */
export function isOfBundle(path: string): boolean {
  return [MANIFEST_FILE, MANIFEST_NOTE_FILE, POLICY_FILE, RECORD_FILE].includes(path);
}

/** Entries whose disclosures one request asks for. */
const PAGE = 200;

/**
 * The tiles of a running server, `https://host/logs/opening/<id>` or `…/logs/ledger`.
 *
 * Shape: `reach` says how it is asked; redirects are not followed, and no request lasts for ever.
 *        What the public may see is disclosed by `/openings/<id>/entries`; the rest stays withheld.
 */
export function urlSource(url: string, reach: Reach = systemReach): LogSource {
  const base = url.replace(/\/+$/u, '');
  const read: ReadFile = (path, limitBytes) => fetchFile(reach, `${base}/${path}`, limitBytes);
  const opening = /^(.*)\/logs\/opening\/([^/]+)$/u.exec(base);
  let page: Page = { from: 0, to: 0, disclosures: new Map() };
  return tiled(base, read, {
    async disclosuresFor(seq) {
      if (opening === null) return [];
      if (seq < page.from || seq >= page.to)
        page = await fetchPage(
          reach,
          `${opening[1]}/openings/${opening[2]}/entries?after=${seq - 1}&limit=${PAGE}`,
          seq,
        );
      return page.disclosures.get(seq) ?? [];
    },
    evidence: () => Promise.resolve(null),
    anchor: () => Promise.resolve(null),
    timestamps: () =>
      opening === null ? Promise.resolve(null) : fetchStamp(reach, `${opening[1]}/openings/${opening[2]}`),
    unlisted: () => Promise.resolve(null),
    bundle: () => Promise.resolve(null),
    ledger: () => (opening === null ? null : urlSource(`${opening[1]}/logs/ledger`, reach)),
  });
}

/** Throws: SourceError: not reached, another status than 200 and 404, longer than the limit. */
async function fetchFile(reach: Reach, url: string, limitBytes: number, accept = '*/*'): Promise<Uint8Array | null> {
  try {
    const { status, bytes } = await reachOut(reach, url, { headers: { accept } }, limitBytes);
    if (status === 404) return null;
    if (status !== 200) throw new SourceError('source_unreadable', `${url} answered ${status}`);
    return bytes;
  } catch (error) {
    if (!(error instanceof ReachError)) throw error;
    throw new SourceError(error.code === 'too_long' ? 'file_malformed' : 'source_unreadable', error.message);
  }
}

/** The newest stamp that the server has over a head of the opening; null when it has none. */
async function fetchStamp(reach: Reach, opening: string): Promise<StampedNote | null> {
  const url = `${opening}/timestamp/evidence`;
  const bytes = await fetchFile(reach, url, STAMP_EVIDENCE_LIMIT_BYTES, 'application/json');
  if (bytes === null) return null;
  const value = parsed(url, () => parseJson(textOfBytes(bytes)));
  if (!isJsonObject(value)) throw new SourceError('file_malformed', `${url}: no evidence of a time-stamp`);
  const { note, response, certificates, crls } = value;
  if (typeof note !== 'string' || typeof response !== 'string' || !isTexts(certificates) || !isTexts(crls))
    throw new SourceError('file_malformed', `${url}: no evidence of a time-stamp`);
  const der = (given: string): Uint8Array => parsed(url, () => fromBase64(given));
  const stamp = { name: url, response: der(response), path: certificates.map(der), crls: crls.map(der) };
  return { note, stamps: [stamp] };
}

function isTexts(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** The disclosures of the entries [from, to). */
type Page = {
  readonly from: number;
  readonly to: number;
  readonly disclosures: ReadonlyMap<number, readonly string[]>;
};

async function fetchPage(reach: Reach, url: string, from: number): Promise<Page> {
  const bytes = await fetchFile(reach, url, DISCLOSURES_LIMIT_BYTES, 'application/json');
  if (bytes === null) throw new SourceError('file_missing', url);
  const value = parsed(url, () => parseJson(textOfBytes(bytes)));
  const isPage = isJsonObject(value) && isJsonObject(value['disclosures']) && Array.isArray(value['entries']);
  if (!isPage) throw new SourceError('file_malformed', `${url}: no page of entries`);
  const disclosures = new Map<number, readonly string[]>();
  for (const [seq, texts] of Object.entries(value['disclosures'] as Record<string, Json>)) {
    if (!Array.isArray(texts) || !texts.every((one) => typeof one === 'string'))
      throw new SourceError('file_malformed', `${url}: no disclosures of entry ${seq}`);
    disclosures.set(Number(seq), texts);
  }
  // at least the entry asked for, or the same page would be asked for without end
  const count = Math.max(1, (value['entries'] as readonly Json[]).length);
  return { from, to: from + count, disclosures };
}

function parseJson(json: string): Json {
  try {
    return JSON.parse(json) as Json;
  } catch (cause) {
    throw new LogFormatError('json_malformed', String(cause));
  }
}
