/** Looks through everything that a database and a folder hold, whatever it is wrapped in: base64, JWS, DER, JSON within JSON. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sql } from '../../server/store/driver.ts';

/** Layers of base64 that are looked below: a certificate in a JWS in a disclosure is three. */
const DEPTH = 6;
/** What base64, with padding or in its URL form, looks like; shorter ones hold no needle. */
const WRAPPED = /[A-Za-z0-9+/_-]{16,}/g;

/**
 * Where in the database the needles stand.
 *
 * Returns: `table.column: needle`, each once.
 * Shape:   the owner's connection, as the server's role does not see every table.
 */
export async function findInDatabase(sql: Sql, needles: readonly Uint8Array[]): Promise<string[]> {
  const tables = await sql<{ name: string }[]>`
    SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`;
  const found = new Set<string>();
  for (const { name } of tables)
    for (const row of await sql<Record<string, unknown>[]>`SELECT * FROM ${sql(name)}`)
      for (const [column, value] of Object.entries(row))
        for (const n of foundIn(bytesOf(value), needles)) found.add(`${name}.${column}: ${n}`);
  return [...found].sort();
}

/** The files below a folder in which the needles stand. */
export async function findInFolder(folder: string, needles: readonly Uint8Array[]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    for (const n of foundIn(await readFile(path), needles)) found.push(`${path}: ${n}`);
  }
  return found;
}

function bytesOf(value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value);
  return Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), 'utf8');
}

/** The places of those needles that stand in these bytes or in what they wrap. */
function foundIn(bytes: Buffer, needles: readonly Uint8Array[], depth = DEPTH): Set<number> {
  const found = new Set<number>();
  needles.forEach((needle, n) => {
    if (bytes.includes(Buffer.from(needle))) found.add(n);
  });
  if (depth === 0) return found;
  for (const [wrapped] of bytes.toString('latin1').matchAll(WRAPPED))
    for (const n of foundIn(Buffer.from(wrapped, 'base64'), needles, depth - 1)) found.add(n);
  return found;
}
