/** Writes a log as a folder that anyone can verify without this server: tiles, entries, disclosures, key, checkpoint, anchor. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalise } from '../core/log/canonical.ts';
import { bundlesOf, formatTilePath, type Tile, tilesOf } from '../core/log/tile.ts';
import type { Sql } from '../store/driver.ts';
import { proofOf, readDisclosures, readEntries, readTile } from '../store/read-log.ts';

/** Entries whose disclosures are read at a time. */
const DISCLOSURE_BATCH = 500;

/** A signed head of a log. */
export type SignedHead = { readonly size: number; readonly note: string };

export type ExportRequest = {
  readonly origin: string;
  readonly vkey: string;
  readonly folder: string;
  /** The ledger, to anchor the log in; null for the ledger itself. */
  readonly ledger: { readonly origin: string; readonly vkey: string } | null;
};

/** The newest committed head. Every committed head is let out: a crash in between ends with its release at the next start. */
export async function committedHead(sql: Sql, origin: string): Promise<SignedHead | null> {
  const [row] = await sql<{ size: number; note: string }[]>`
    SELECT c.size, c.note FROM logs l JOIN checkpoints c ON c.origin = l.origin AND c.size = l.size WHERE l.origin = ${origin}`;
  return row ?? null;
}

/** How many disclosures an entry of the log has on record and how many left the building; they must be the same number. */
export type Exported = { readonly size: number; readonly disclosures: number; readonly anchored: boolean };

/**
 * Exports one log.
 *
 * Shape:  the folder of core/log/FORMAT.md §7; files that stand there already are overwritten.
 * Throws: when the database counts other entries or disclosures than were written: an export must be whole or fail loudly.
 */
export async function exportLog(sql: Sql, request: ExportRequest): Promise<Exported> {
  const { origin, folder } = request;
  const head = await committedHead(sql, origin);
  if (head === null) throw new Error(`${origin} has no entry`);
  const write = (path: string, bytes: string | Uint8Array) => writeInto(folder, path, bytes);
  await write('checkpoint', head.note);
  await write('vkey', `${request.vkey}\n`);
  const tiles: Tile[] = [...tilesOf(head.size), ...bundlesOf(head.size)];
  for (const tile of tiles) {
    const bytes = await readTile(sql, origin, tile, head.size);
    if (bytes === null) throw new Error(`${formatTilePath(tile)} is not within ${head.size} entries`);
    await write(formatTilePath(tile), bytes);
  }
  const disclosures = await exportDisclosures(sql, origin, head.size, write);
  const [counted] = await sql<{ disclosures: number; entries: number }[]>`
    SELECT (SELECT count(*)::int FROM disclosures WHERE origin = ${origin} AND seq < ${head.size}) AS disclosures,
           (SELECT count(*)::int FROM entries WHERE origin = ${origin} AND seq < ${head.size}) AS entries`;
  if (counted?.disclosures !== disclosures || counted.entries !== head.size)
    throw new Error(`the export of ${origin} is not whole`);
  const anchored = request.ledger !== null && (await exportAnchor(sql, origin, request.ledger, write));
  return { size: head.size, disclosures, anchored };
}

type Write = (path: string, bytes: string | Uint8Array) => Promise<void>;

async function exportDisclosures(sql: Sql, origin: string, size: number, write: Write): Promise<number> {
  let written = 0;
  for (let from = 0; from < size; from += DISCLOSURE_BATCH) {
    const rows = await readDisclosures(sql, origin, from, Math.min(size, from + DISCLOSURE_BATCH));
    for (const seq of new Set(rows.map((row) => row.seq))) {
      const texts = rows.filter((row) => row.seq === seq).map((row) => row.disclosure);
      await write(`disclosures/${seq}.json`, canonicalise(texts));
      written += texts.length;
    }
  }
  return written;
}

/** The ledger's last head entry of this log, with its proof; false while the ledger has none. */
async function exportAnchor(
  sql: Sql,
  origin: string,
  ledger: { origin: string; vkey: string },
  write: Write,
): Promise<boolean> {
  const checkpoint = await committedHead(sql, ledger.origin);
  if (checkpoint === null) return false;
  const [found] = await sql<{ ledgerSeq: number }[]>`
    SELECT ledger_seq AS "ledgerSeq" FROM ledger_heads WHERE origin = ${origin} AND ledger_seq < ${checkpoint.size}
    ORDER BY ledger_seq DESC LIMIT 1`;
  if (found === undefined) return false;
  const [entry] = await readEntries(sql, ledger.origin, found.ledgerSeq, found.ledgerSeq + 1);
  if (entry === undefined) return false;
  await write('anchor/vkey', `${ledger.vkey}\n`);
  await write('anchor/checkpoint', checkpoint.note);
  await write('anchor/head.json', entry.bytes);
  await write(
    'anchor/opening.tlog-proof',
    await proofOf(sql, ledger.origin, found.ledgerSeq, checkpoint.size, checkpoint.note),
  );
  return true;
}

async function writeInto(folder: string, path: string, bytes: string | Uint8Array): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}
