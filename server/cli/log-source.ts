/** Where a verifier reads a log from: an export folder on disk, or a server's public tiles. It believes neither. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, type Json } from '../core/log/canonical.ts';
import { ENTRY_LIMIT_BYTES } from '../core/log/entry.ts';
import { NOTE_LIMIT_BYTES } from '../core/log/note.ts';
import {
  bundlesOf,
  encodeHashTile,
  formatTilePath,
  type HashTile,
  parseBundle,
  TILE_WIDTH,
  tilesOf,
} from '../core/log/tile.ts';

/** Longest answer that is read for one file of a log: a full bundle of the longest entries. */
export const FILE_LIMIT_BYTES = TILE_WIDTH * (ENTRY_LIMIT_BYTES + 2);

/** The proof that a log's last head stands in the ledger. */
export type Anchor = {
  readonly vkey: string;
  readonly checkpoint: string;
  /** The exact bytes of the ledger's entry. */
  readonly head: Uint8Array;
  readonly proof: string;
};

export type LogSource = {
  readonly name: string;
  vkey(): Promise<string>;
  checkpoint(): Promise<string>;
  entries(size: number): AsyncGenerator<Uint8Array>;
  /** The bytes of a hash tile as published. */
  hashTile(tile: HashTile): Promise<Uint8Array>;
  disclosuresFor(seq: number): Promise<readonly string[]>;
  /** Null when the source holds none. */
  anchor(): Promise<Anchor | null>;
};

/** The source cannot be read; says which file. */
export class SourceError extends Error {
  readonly code = 'source_unreadable';
}

type ReadFile = (path: string) => Promise<Uint8Array | null>;

async function* bundles(read: ReadFile, size: number): AsyncGenerator<Uint8Array> {
  for (const bundle of bundlesOf(size)) {
    const path = formatTilePath(bundle);
    const bytes = await read(path);
    if (bytes === null) throw new SourceError(`${path} is missing`);
    yield* parseBundle(bytes, bundle.width);
  }
}

async function text(read: ReadFile, path: string): Promise<string> {
  const bytes = await read(path);
  if (bytes === null) throw new SourceError(`${path} is missing`);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

function tiled(name: string, read: ReadFile, rest: Pick<LogSource, 'disclosuresFor' | 'anchor'>): LogSource {
  return {
    name,
    async vkey() {
      return (await text(read, 'vkey')).replace(/\n$/u, '');
    },
    checkpoint: () => text(read, 'checkpoint'),
    entries: (size) => bundles(read, size),
    async hashTile(tile) {
      const path = formatTilePath(tile);
      const bytes = await read(path);
      if (bytes === null) throw new SourceError(`${path} is missing`);
      return bytes;
    },
    ...rest,
  };
}

/** The list of disclosures of one file. Throws: SourceError for anything else than a list of texts. */
function listOfTexts(bytes: Uint8Array, path: string): string[] {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'string'))
    throw new SourceError(`${path} is no list of disclosures`);
  return value;
}

/** An export folder (core/log/FORMAT.md §7). */
export function folderSource(folder: string): LogSource {
  const read: ReadFile = async (path) => {
    try {
      return new Uint8Array(await readFile(join(folder, path)));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  };
  return tiled(folder, read, {
    async disclosuresFor(seq) {
      const path = `disclosures/${seq}.json`;
      const bytes = await read(path);
      return bytes === null ? [] : listOfTexts(bytes, path);
    },
    async anchor() {
      if ((await read('anchor/head.json')) === null) return null;
      const head = await read('anchor/head.json');
      if (head === null) return null;
      return {
        vkey: (await text(read, 'anchor/vkey')).replace(/\n$/u, ''),
        checkpoint: await text(read, 'anchor/checkpoint'),
        head,
        proof: await text(read, 'anchor/opening.tlog-proof'),
      };
    },
  });
}

/** Entries whose disclosures one request asks for. */
const PAGE = 200;

/**
 * The tiles of a running server, `https://host/logs/opening/<id>` or `…/logs/ledger`.
 *
 * Shape: what the public may see is disclosed by `/openings/<id>/entries`; the rest stays withheld.
 */
export function urlSource(url: string): LogSource {
  const base = url.replace(/\/$/u, '');
  const read: ReadFile = async (path) => {
    const answer = await fetch(`${base}/${path}`);
    if (answer.status === 404) return null;
    if (!answer.ok) throw new SourceError(`${base}/${path} answered ${answer.status}`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (bytes.length > Math.max(FILE_LIMIT_BYTES, NOTE_LIMIT_BYTES)) throw new SourceError(`${path} is too long`);
    return bytes;
  };
  const opening = /^(.*)\/logs\/opening\/([^/]+)$/u.exec(base);
  let page = new Map<number, readonly string[]>();
  let pageFrom = -1;
  return tiled(base, read, {
    async disclosuresFor(seq) {
      if (opening === null) return [];
      const from = seq - (seq % PAGE);
      if (from !== pageFrom) {
        page = await disclosurePage(`${opening[1]}/openings/${opening[2]}/entries?after=${from - 1}&limit=${PAGE}`);
        pageFrom = from;
      }
      return page.get(seq) ?? [];
    },
    anchor: () => Promise.resolve(null),
  });
}

async function disclosurePage(url: string): Promise<Map<number, readonly string[]>> {
  const answer = await fetch(url, { headers: { accept: 'application/json' } });
  if (!answer.ok) throw new SourceError(`${url} answered ${answer.status}`);
  const value = (await answer.json()) as Json;
  const page = new Map<number, readonly string[]>();
  if (!isJsonObject(value) || !isJsonObject(value['disclosures'])) throw new SourceError(`${url} holds no disclosures`);
  for (const [seq, texts] of Object.entries(value['disclosures'])) {
    if (Array.isArray(texts)) page.set(Number(seq), texts.map(String));
  }
  return page;
}

/** The first hash tile of the source that is not what the entries' leaf hashes make; null when all are. */
export async function differingTile(
  source: LogSource,
  size: number,
  computed: (tile: HashTile) => Uint8Array[],
): Promise<string | null> {
  for (const tile of tilesOf(size)) {
    const published = await source.hashTile(tile);
    if (!Buffer.from(encodeHashTile(computed(tile))).equals(published)) return formatTilePath(tile);
  }
  return null;
}
