/** Golden logs: one readable JSON for each, and the way from it to an export folder and back. */

import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderSource } from '../../server/cli/log-source.ts';
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { parseCheckpoint } from '../../server/core/log/checkpoint.ts';
import { makeDisclosure, readDisclosure } from '../../server/core/log/disclosure.ts';
import { leafHash, readFromLeaves } from '../../server/core/log/merkle.ts';
import { parseNote } from '../../server/core/log/note.ts';
import {
  bundlesOf,
  encodeBundle,
  encodeHashTile,
  formatTilePath,
  TILE_WIDTH,
  tileNodes,
  tilesOf,
} from '../../server/core/log/tile.ts';
import { fromUtf8, utf8 } from '../../server/core/log/utf8.ts';
import { sha256 } from '../../server/hash.ts';
import { packageRoot } from '../../server/root.ts';
import { ANCHOR_FILES, EVIDENCE_FOLDER } from '../../server/verify/source.ts';

export const GOLDEN_FOLDER = join(packageRoot, 'test/golden/logs');

/** A withheld field: its salt (base64url) and value, from which the disclosure is written again byte for byte. */
export type GoldenField = { salt: string; value: Json };

export type GoldenAnchor = { vkey: string; checkpoint: string; head: string; proof: string };

/** A log as it stands in the golden folder. Entries are the exact leaf texts; fields by entry, each in the order of its disclosures. */
export type GoldenLog = {
  /** What this log is there to show. */
  claim: string;
  /** What `verify` must say of it. */
  standing: 'valid, complete' | 'valid, still open';
  vkey: string;
  checkpoint: string;
  entries: string[];
  fields: Record<string, Record<string, GoldenField>>;
  /** What certificates were judged by, base64 under the digest of each file; none in a log that has none. */
  evidence?: Record<string, string>;
  anchor: GoldenAnchor | null;
  /** What a person really signed and the platform refused: a dishonest one could have recorded it. */
  refused?: { command: string; type: string; act: { act: string; data: Json } };
};

export type GoldenAbout = Pick<GoldenLog, 'claim' | 'standing' | 'refused'>;

/** The platform's keys of the golden logs, as 32-byte Ed25519 seeds in base64url: made for these tests and used nowhere else. */
export type GoldenKeys = { note: string; openings: string; ledger: string };

/** The files of a log's folder, by path. */
export type LogFiles = Map<string, Uint8Array>;

export function readGolden(name: string): GoldenLog {
  return JSON.parse(readFileSync(join(GOLDEN_FOLDER, 'valid', `${name}.json`), 'utf8')) as GoldenLog;
}

export function readGoldenKeys(): GoldenKeys {
  return JSON.parse(readFileSync(join(GOLDEN_FOLDER, 'test-keys.json'), 'utf8')) as GoldenKeys;
}

export function isGolden(name: string): boolean {
  return existsSync(join(GOLDEN_FOLDER, 'valid', `${name}.json`));
}

/** Disclosures written before: a hundred forgeries of one log share nearly all of theirs. */
const written = new Map<string, string>();

/** The disclosure texts of one entry. */
export function disclosuresOf(log: GoldenLog, seq: number): string[] {
  return Object.entries(log.fields[seq] ?? {}).map(([field, { salt, value }]) => {
    const key = `${salt} ${field} ${JSON.stringify(value)}`;
    const text = written.get(key) ?? makeDisclosure(sha256, fromBase64Url(salt), field, value).disclosure;
    written.set(key, text);
    return text;
  });
}

/** The folder of a log, as `export` writes it. */
export function filesOf(log: GoldenLog): LogFiles {
  const { size } = parseCheckpoint(parseNote(log.checkpoint).text);
  const bytes = log.entries.map(utf8);
  const read = readFromLeaves(
    sha256,
    bytes.map((entry) => leafHash(sha256, entry)),
  );
  const files: LogFiles = new Map();
  files.set('vkey', utf8(`${log.vkey}\n`)).set('checkpoint', utf8(log.checkpoint));
  // Of all entries, even where the checkpoint speaks of fewer: what a forger adds must be found.
  const count = Math.max(size, bytes.length);
  for (const tile of tilesOf(Math.min(count, bytes.length)))
    files.set(formatTilePath(tile), encodeHashTile(tileNodes(tile).map(({ level, index }) => read(level, index))));
  for (const bundle of bundlesOf(bytes.length)) {
    const first = bundle.index * TILE_WIDTH;
    files.set(formatTilePath(bundle), encodeBundle(bytes.slice(first, first + bundle.width)));
  }
  for (const seq of Object.keys(log.fields))
    files.set(`disclosures/${seq}.json`, utf8(canonicalise(disclosuresOf(log, Number(seq)))));
  for (const [name, file] of Object.entries(log.evidence ?? {}))
    files.set(`${EVIDENCE_FOLDER}/${name}`, fromBase64(file));
  const { anchor } = log;
  if (anchor !== null)
    [`${anchor.vkey}\n`, anchor.checkpoint, anchor.head, anchor.proof].forEach((text, n) => {
      files.set(ANCHOR_FILES[n] ?? '', utf8(text));
    });
  return files;
}

export async function writeFiles(files: LogFiles, folder: string): Promise<string> {
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

/** A golden log from an export folder. */
export async function goldenOf(folder: string, about: GoldenAbout): Promise<GoldenLog> {
  const source = folderSource(folder);
  const checkpoint = await source.checkpoint();
  const { size } = parseCheckpoint(parseNote(checkpoint).text);
  const entries: string[] = [];
  for await (const bytes of source.entries(size)) entries.push(fromUtf8(bytes));
  const fields: GoldenLog['fields'] = {};
  for (let seq = 0; seq < size; seq++) {
    const own = (await source.disclosuresFor(seq)).map(readDisclosure);
    if (own.length === 0) continue;
    fields[seq] = Object.fromEntries(own.map(({ field, salt, value }) => [field, { salt: toBase64Url(salt), value }]));
  }
  const anchor = await source.anchor();
  const evidence = await evidenceIn(folder);
  return {
    ...about,
    vkey: await source.vkey(),
    checkpoint,
    entries,
    fields,
    ...(Object.keys(evidence).length > 0 && { evidence }),
    anchor: anchor === null ? null : { ...anchor, head: fromUtf8(anchor.head) },
  };
}

async function evidenceIn(folder: string): Promise<Record<string, string>> {
  const within = join(folder, EVIDENCE_FOLDER);
  const names = existsSync(within) ? (await readdir(within)).sort() : [];
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, toBase64(await readFile(join(within, name)))] as const)),
  );
}
