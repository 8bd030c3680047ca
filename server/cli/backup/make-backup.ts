/** Takes a backup beside the running server: one snapshot of all tables, the stored bids and documents, and no key. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { toBase64 } from '../../core/log/base64.ts';
import { syncFolder } from '../../durable-file.ts';
import type { Keys } from '../../recorder/keys.ts';
import { limitStatements, type Sql, type TransactionSql } from '../../store/driver.ts';
import { copyOut, listTables } from '../../store/table-copy.ts';
import { systemWorld } from '../../world.ts';
import { filesBelow } from '../log-source.ts';
import { BACKUP_FILE, type Backup, BackupError } from './backup-form.ts';

/** What of the data folder belongs to a backup, in the order in which it is copied: a part that is finished meanwhile is then found finished. */
export const KEPT_FOLDERS = ['envelopes/parts', 'envelopes/finished', 'opened/finished'] as const;

/** A commit is signed within milliseconds; under load some log is always in between, but never all the time. */
const SNAPSHOT_TRIES = 200;
const SNAPSHOT_PAUSE_MS = 50;

/** Rows that live for a minute, or as long as a page: a login under way, proofs already seen, tickets, seats, phones; who has them asks anew. */
export const LEFT_OUT: readonly string[] = [
  'challenges',
  'dpop_seen',
  'phone_mailboxes',
  'phone_messages',
  'seats',
  'tickets',
];

export type BackupRequest = {
  readonly platform: string;
  readonly dataFolder: string;
  readonly folder: string;
  readonly publicKeys: { readonly [Use in keyof Keys]: Uint8Array };
};

/**
 * Takes the backup.
 *
 * Shape:  `sql` as the owner of the tables; the folder is whole or it is not there.
 * Throws: BackupError folder_not_empty, backup_unsigned.
 * Why:    the guard is not in it: the heads of this very snapshot are, which is what a guard had let out at that instant. Nor is a key;
 *         whoever finds a backup can neither sign nor open anything with it.
 */
export async function makeBackup(sql: Sql, request: BackupRequest): Promise<Backup> {
  const folder = resolve(request.folder);
  if (await isThere(folder)) throw new BackupError('folder_not_empty', folder);
  const part = `${folder}.part-${process.pid}`;
  await rm(part, { recursive: true, force: true });
  await mkdir(join(part, 'tables'), { recursive: true, mode: 0o700 });
  try {
    const taken = await takeSnapshot(sql, part);
    // Behind the snapshot: whatever a row of it names lies there, since files are finished before their rows are written.
    for (const kept of KEPT_FOLDERS) await copyFolder(join(request.dataFolder, kept), join(part, 'data', kept));
    const publicKeys = Object.fromEntries(
      Object.entries(request.publicKeys).map(([use, key]) => [use, toBase64(key)]),
    ) as Backup['publicKeys'];
    const backup: Backup = { v: 1, platform: request.platform, ...taken, publicKeys, files: await listFiles(part) };
    await writeFile(join(part, BACKUP_FILE), `${JSON.stringify(backup, null, 1)}\n`, { mode: 0o600, flush: true });
    await rename(part, folder);
    await syncFolder(dirname(folder));
    return backup;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Takes the tables at an instant at which all that is committed is signed, too: what is not yet is a moment later. */
async function takeSnapshot(sql: Sql, folder: string): Promise<Awaited<ReturnType<typeof takeTables>>> {
  for (let tries = 0; tries < SNAPSHOT_TRIES; tries++) {
    const taken = await sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (tx) =>
      (await isAllSigned(tx)) ? takeTables(tx, folder) : null,
    );
    if (taken !== null) return taken;
    await new Promise<void>((resume) => systemWorld.after(SNAPSHOT_PAUSE_MS, resume));
  }
  throw new BackupError('backup_unsigned', `a log had a committed head without a signature, ${SNAPSHOT_TRIES} times`);
}

async function isAllSigned(tx: TransactionSql): Promise<boolean> {
  const [unsigned] = await tx`
    SELECT FROM logs l WHERE size > 0
    AND NOT EXISTS (SELECT FROM checkpoints c WHERE c.origin = l.origin AND c.size = l.size) LIMIT 1`;
  return unsigned === undefined;
}

async function takeTables(
  tx: TransactionSql,
  folder: string,
): Promise<Pick<Backup, 'takenAt' | 'migrations' | 'tables' | 'heads'>> {
  await limitStatements(tx, null);
  const [now] = await tx<{ at: string }[]>`
    SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at`;
  const heads = await tx<{ origin: string; size: number; root: Uint8Array }[]>`
    SELECT origin, size, root FROM logs WHERE size > 0 ORDER BY origin`;
  const migrations = await tx<{ hash: string }[]>`SELECT hash FROM drizzle.__drizzle_migrations ORDER BY id`;
  const tables: Backup['tables'] = [];
  for (const table of await listTables(tx)) {
    if (LEFT_OUT.includes(table.name)) continue;
    const file = `tables/${table.name}.copy`;
    await copyOut(tx, table, createWriteStream(join(folder, file), { mode: 0o600, flush: true }));
    tables.push({ name: table.name, columns: [...table.columns], file });
  }
  return {
    takenAt: now?.at ?? '',
    migrations: migrations.map(({ hash }) => hash),
    tables,
    heads: heads.map(({ origin, size, root }) => ({ origin, size, root: toBase64(root) })),
  };
}

async function copyFolder(from: string, to: string): Promise<void> {
  for await (const { path, isFile } of filesBelow(from)) {
    if (!isFile) continue;
    await mkdir(dirname(join(to, path)), { recursive: true, mode: 0o700 });
    // one that was taken away meanwhile is no longer needed: its bid was replaced, or its upload given up
    await copyFile(join(from, path), join(to, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

async function listFiles(folder: string): Promise<Backup['files']> {
  const files: Backup['files'] = [];
  for await (const { path } of filesBelow(folder)) {
    const { sizeBytes, sha256 } = await digestOf(join(folder, path));
    files.push({ path, sizeBytes, sha256 });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Size and base64 SHA-256 of a file of any size. */
export async function digestOf(file: string): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  });
  return { sizeBytes, sha256: hash.digest('base64') };
}
