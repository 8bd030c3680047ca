/** Looks for secrets in whatever a server keeps or says: as bytes, hex, base64, and inside whatever is encoded, however deep. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import type { Sql } from '../../server/store/driver.ts';

/** Something that must not be found; `name` is what a finding says. */
export type Secret = { readonly name: string; readonly bytes: Uint8Array };
export type Haystack = { readonly place: string; readonly bytes: Uint8Array };

/** Encodings within encodings: a disclosure in an act in an intake row has three. */
const DEPTH_LIMIT = 5;
/** Shorter runs hold no secret of those that are looked for. */
const RUN = /[A-Za-z0-9+/_-]{16,}/g;

/** Secrets that are text. */
export function textSecret(name: string, text: string): Secret {
  return { name, bytes: Buffer.from(text, 'utf8') };
}

/** Every form in which a secret is looked for directly. */
function formsOf({ bytes }: Secret): Buffer[] {
  const raw = Buffer.from(bytes);
  const hex = raw.toString('hex');
  const base64 = raw.toString('base64').replace(/=+$/, '');
  return [
    raw,
    ...[hex, hex.toUpperCase(), base64, raw.toString('base64url')].map((text) => Buffer.from(text, 'latin1')),
  ];
}

/** The bytes themselves, and what they are when their encoded parts are decoded. */
function* layersOf(bytes: Buffer, depth = DEPTH_LIMIT): Generator<Buffer> {
  yield bytes;
  if (depth === 0) return;
  const unpacked = unpackedOf(bytes);
  if (unpacked !== undefined) yield* layersOf(unpacked, depth - 1);
  for (const [run] of bytes.toString('latin1').matchAll(RUN)) {
    if (/^[0-9a-fA-F]+$/.test(run) && run.length % 2 === 0) yield* layersOf(Buffer.from(run, 'hex'), depth - 1);
    // Node reads both alphabets.
    yield* layersOf(Buffer.from(run, 'base64'), depth - 1);
  }
}

/** What gzip has packed, as far as it goes; random bytes begin like gzip now and then and are none. */
function unpackedOf(bytes: Buffer): Buffer | undefined {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return undefined;
  try {
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return undefined;
  }
}

/** Returns: `place: secret` for each secret that stands in a place. */
export function search(haystacks: readonly Haystack[], secrets: readonly Secret[]): string[] {
  const needles = secrets.map((secret) => ({ name: secret.name, forms: formsOf(secret) }));
  const found = new Set<string>();
  for (const { place, bytes } of haystacks)
    for (const layer of layersOf(Buffer.from(bytes)))
      for (const { name, forms } of needles)
        if (forms.some((form) => layer.includes(form))) found.add(`${place}: ${name}`);
  return [...found].sort();
}

/** Every row of every table, column by column. */
export async function readDatabase(sql: Sql): Promise<Haystack[]> {
  const tables = await sql<{ schema: string; name: string }[]>`
    SELECT schemaname AS schema, tablename AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`;
  const haystacks: Haystack[] = [];
  for (const { schema, name } of tables) {
    const rows = await sql<Record<string, unknown>[]>`SELECT * FROM ${sql(schema)}.${sql(name)}`;
    for (const row of rows)
      for (const [column, value] of Object.entries(row)) {
        const bytes = value instanceof Uint8Array ? value : Buffer.from(textOf(value), 'utf8');
        haystacks.push({ place: `${name}.${column}`, bytes });
      }
  }
  return haystacks;
}

function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** Every file below a folder but those below the folders `but`. */
export async function readFiles(folder: string, but: readonly string[] = []): Promise<Haystack[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  const wanted = paths.filter((path) => !but.some((left) => path.startsWith(`${left}/`)));
  return Promise.all(wanted.map(async (path) => ({ place: path, bytes: await readFile(join(folder, path)) })));
}
