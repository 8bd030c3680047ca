/** What a verifier reads a log from: the files of an export or a bundle, wherever they lie. Nothing of it is believed, and no more read than a limit. */
import {
  MANIFEST_FILE,
  MANIFEST_LIMIT_BYTES,
  MANIFEST_NOTE_FILE,
  POLICY_FILE,
  RECORD_FILE,
} from '../core/log/bundle.ts';
import { parseCanonical } from '../core/log/canonical.ts';
import { DISCLOSURE_LIMIT_CHARACTERS } from '../core/log/disclosure.ts';
import { ENTRY_LIMIT_BYTES } from '../core/log/entry.ts';
import { LogFormatError } from '../core/log/error.ts';
import { HASH_BYTES } from '../core/log/hash.ts';
import { LINKS_LIMIT, type ShownLink } from '../core/log/key-links.ts';
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
import { fromUtf8 } from '../core/log/utf8.ts';
import { CRL_LIMIT_BYTES } from '../core/pki/crl.ts';
import { RESPONSE_LIMIT_BYTES } from '../core/timestamp/token.ts';
import { type PemLabel, readPem } from './pem-file.ts';

/** Longest answer that is read for one file of a log: a full bundle of the longest entries. */
export const FILE_LIMIT_BYTES = TILE_WIDTH * (ENTRY_LIMIT_BYTES + 2);
const VKEY_LIMIT_BYTES = 1_024;
const HASH_TILE_LIMIT_BYTES = TILE_WIDTH * HASH_BYTES;
/** A proof has its checkpoint and at most 63 hashes before it. */
const PROOF_LIMIT_BYTES = NOTE_LIMIT_BYTES + 4_096;
/** Disclosures of one entry, or of one page of them. */
export const DISCLOSURES_LIMIT_BYTES = 8 * DISCLOSURE_LIMIT_CHARACTERS;
/** Certificates or revocation lists of one stamp, in PEM: an authority's own CA has few of either. */
export const STAMP_EVIDENCE_LIMIT_BYTES = 67_108_864;

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
  /** How the ledger's keys followed one another, as it came beside the log; none where nothing did. */
  links(): Promise<readonly ShownLink[]>;
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

/** UTF-8 as a string. Throws: LogFormatError `utf8_malformed`. */
export type DecodeUtf8 = (bytes: Uint8Array) => string;

async function need(read: ReadFile, path: string, limitBytes: number): Promise<Uint8Array> {
  const bytes = await read(path, limitBytes);
  if (bytes === null) throw new SourceError('file_missing', path);
  return bytes;
}

/** What `parse` makes of a file. Throws: SourceError file_malformed in the place of a LogFormatError. */
export function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (fault) {
    if (fault instanceof LogFormatError) throw new SourceError('file_malformed', `${path}: ${fault.message}`);
    throw fault;
  }
}

async function text(read: ReadFile, path: string, limitBytes: number): Promise<string> {
  const bytes = await need(read, path, limitBytes);
  return parsed(path, () => fromUtf8(bytes));
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

/** A log in tiles, whose further files each source has its own way to. */
export function tiled(
  name: string,
  read: ReadFile,
  rest: Omit<LogSource, 'name' | 'vkey' | 'checkpoint' | 'entries' | 'hashTile' | 'close'>,
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
function listOfTexts(bytes: Uint8Array, path: string, decode: DecodeUtf8): string[] {
  const value = parsed(path, () => parseCanonical(decode(bytes)));
  if (!Array.isArray(value) || value.length === 0 || !value.every((v) => typeof v === 'string'))
    throw new SourceError('file_malformed', `${path}: no list of disclosures`);
  return value;
}

/** An export wherever its files are: `read` gives one, `list` all of them; `decode` is for whoever has faster means than the core. */
export function exportSource(
  name: string,
  read: ReadFile,
  list: () => AsyncIterable<ListedFile>,
  decode: DecodeUtf8 = fromUtf8,
): LogSource {
  return tiled(name, read, {
    async disclosuresFor(seq) {
      const path = `disclosures/${seq}.json`;
      const bytes = await read(path, DISCLOSURES_LIMIT_BYTES);
      return bytes === null ? [] : listOfTexts(bytes, path, decode);
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
    async links() {
      const links: ShownLink[] = [];
      for (let n = 1; n <= LINKS_LIMIT; n++) links.push(...(await readLinkFiles(read, n, links.length)));
      return links;
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
    const found = parsed(path, () => readPem(label, fromUtf8(bytes)));
    if (found === null) throw new SourceError('file_malformed', `${path}: not as this platform writes PEM`);
    return found;
  };
  const path = elements('CERTIFICATE', paths.path, await need(read, paths.path, STAMP_EVIDENCE_LIMIT_BYTES));
  return [{ name: paths.response, response, path, crls: crls === null ? [] : elements('X509 CRL', paths.crls, crls) }];
}

/** The files of a link in an export: the ledger's entry that announces a key, and the proof that it stands there. */
export const linkPaths = (n: number) => ({ entry: `keys/${n}.json`, proof: `keys/${n}.tlog-proof` });

/** The n-th link; none where there is none of that number. Throws: SourceError for half a link, and a gap before one. */
async function readLinkFiles(read: ReadFile, n: number, before: number): Promise<ShownLink[]> {
  const paths = linkPaths(n);
  const entry = await read(paths.entry, ENTRY_LIMIT_BYTES);
  if (entry === null) {
    if ((await read(paths.proof, PROOF_LIMIT_BYTES)) !== null) throw new SourceError('file_missing', paths.entry);
    return [];
  }
  if (before !== n - 1) throw new SourceError('file_missing', linkPaths(n - 1).entry);
  return [{ entry, proof: await text(read, paths.proof, PROOF_LIMIT_BYTES) }];
}

/** What certificates were judged by, each file under its digest. */
export const EVIDENCE_FOLDER = 'evidence';
export const ANCHOR_FILES = ['anchor/vkey', 'anchor/checkpoint', 'anchor/head.json', 'anchor/opening.tlog-proof'];

/** Whether the folder of a log has a place for this file: of this size, or, when it is null, of any. */
export function isListed(path: string, size: number | null): boolean {
  if (path === 'checkpoint' || path === 'vkey' || ANCHOR_FILES.includes(path)) return true;
  if (/^evidence\/[A-Za-z0-9_-]{43}$/.test(path) || /^anchor\/[1-9]\.(?:tsr|pem|crl\.pem)$/.test(path)) return true;
  if (/^keys\/[1-9][0-9]?\.(?:json|tlog-proof)$/.test(path)) return true;
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
