/** Where `kaibiao verify` and the monitor read a log from: an export folder on disk, or a server's public tiles. It believes neither. */
import { closeSync, constants, type Dirent, fstatSync, openSync, readFileSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64 } from '../core/log/base64.ts';
import { isJsonObject, type Json } from '../core/log/canonical.ts';
import { LogFormatError } from '../core/log/error.ts';
import { textOfBytes } from '../native-text.ts';
import {
  DISCLOSURES_LIMIT_BYTES,
  exportSource,
  type ListedFile,
  type LogSource,
  parsed,
  type ReadFile,
  SourceError,
  STAMP_EVIDENCE_LIMIT_BYTES,
  type StampedNote,
  tiled,
} from '../verify/source.ts';
import { type Reach, ReachError, reachOut, systemReach } from './reach.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** What of the system says that a path leads to no file. */
const NO_FILE = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO'];

/**
 * An export folder (core/log/FORMAT.md §7) on disk.
 *
 * Why: read in place and not by promises. Most files are the disclosures of one entry, a few kilobytes each; four trips to a thread
 *      and back cost more than the file, and whoever verifies has nothing else to do meanwhile.
 */
export function folderSource(folder: string): LogSource {
  const read: ReadFile = async (path, limitBytes) => {
    try {
      // a link would let a bundle show what is not in it, and a pipe would let whoever reads it wait for ever
      const file = openSync(join(folder, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const found = fstatSync(file);
        if (found.isDirectory()) return null;
        if (!found.isFile()) throw new SourceError('file_malformed', `${path}: no file`);
        if (found.size > limitBytes)
          throw new SourceError('file_malformed', `${path}: longer than ${limitBytes} bytes`);
        return new Uint8Array(readFileSync(file));
      } finally {
        closeSync(file);
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && NO_FILE.includes(String(error.code))) return null;
      throw error;
    }
  };
  return exportSource(folder, read, () => filesBelow(folder), textOfBytes);
}

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
    links: () => Promise.resolve([]),
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
