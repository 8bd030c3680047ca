/** Puts a backup back into an empty database and a data folder, unless that would let the platform sign a second history. */
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { fromBase64, toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { appendLeaves, EMPTY_RANGE, leafHash, rangeRoot } from '../../core/log/merkle.ts';
import { ed25519Verifier, KEY_TYPES, parseNote, parseVkey, verifierKey } from '../../core/log/note.ts';
import { kindOfOrigin } from '../../core/log/origin.ts';
import { syncFolder } from '../../durable-file.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { sha256 } from '../../hash.ts';
import { listJournals } from '../../recorder/guard-folder.ts';
import { formatJournal, readJournal, type Watched } from '../../recorder/guard-journal.ts';
import type { Keyring } from '../../recorder/keyring.ts';
import type { KeyUse } from '../../recorder/keys.ts';
import { limitStatements, type Sql, type TransactionSql } from '../../store/driver.ts';
import { migrationsFolder } from '../../store/migrate.ts';
import { readCheckpoint, streamEntries } from '../../store/read-log.ts';
import { copyIn, listTables, setCounters } from '../../store/table-copy.ts';
import { type Backup, BackupError, readBackup } from './backup-form.ts';
import { digestOf, KEPT_FOLDERS, LEFT_OUT } from './make-backup.ts';

export type RestoreRequest = {
  readonly platform: string;
  readonly dataFolder: string;
  /** Where keys and guard are: the data folder, or that of a signer. */
  readonly signerFolder: string;
  readonly folder: string;
  /** Of the signing keys at hand, those that others followed since the backup among them. */
  readonly keyring: Pick<Keyring, 'publicKeys' | 'announcements' | 'vkeyOf'>;
  /** Signed checkpoints that others have kept: cosigners, the venue's screen, bidders. */
  readonly seen: readonly string[];
  /** The guard is lost for good: a new one begins with the heads of the backup. */
  readonly isGuardLost: boolean;
};

/**
 * Restores.
 *
 * Shape:   `sql` as the owner of the tables, which are this version's and empty. Everything is checked before anything is written.
 * Throws:  BackupError.
 * Why:     keys that sign two histories of one log make every signature of the platform worthless. What was shown after the backup
 *          is known to the guard; where that is lost, to whoever countersigned or kept a head. A backup behind any of them is refused.
 */
export async function restoreBackup(sql: Sql, request: RestoreRequest): Promise<Backup> {
  const backup = await readBackup(request.folder);
  checkOrigin(backup, request);
  await checkFiles(backup, request.folder);
  const guard = await readGuard(request.signerFolder);
  checkGuard(backup, guard, request);
  for (const note of request.seen) checkSeen(backup, note);
  // Files first: a restore that is broken off can be begun anew as long as no row is there.
  for (const { path } of backup.files) if (path.startsWith('data/')) await putBack(request, path.slice('data/'.length));
  await sql.begin((tx) => load(tx, backup, request));
  if (guard === null) await writeGuard(backup, request.signerFolder);
  return backup;
}

function checkOrigin(backup: Backup, { platform, keyring }: RestoreRequest): void {
  const ours = readMigrationFiles({ migrationsFolder }).map(({ hash }) => hash);
  if (backup.migrations.join() !== ours.join())
    throw new BackupError('backup_of_other_version', `${backup.migrations.length} migrations, here ${ours.length}`);
  if (backup.platform !== platform) throw new BackupError('backup_of_other_platform', backup.platform);
  for (const use of ['openings', 'ledger', 'receipts'] as const)
    if (!keysUntil(keyring, use).includes(backup.publicKeys[use])) throw new BackupError('keys_differ', use);
}

/** The key in use and those that it followed, each of which the one behind it took over from; base64. One that is still to come is none of them. */
function keysUntil({ publicKeys, announcements }: RestoreRequest['keyring'], use: KeyUse): readonly string[] {
  const inUse = toBase64(publicKeys[use]);
  const ofUse = announcements.filter(({ key }) => key.use === use);
  const last = ofUse.findIndex(({ key }) => key.publicKey === inUse);
  return [...ofUse.slice(0, last + 1).map(({ replaces }) => replaces), inUse];
}

async function checkFiles({ files, tables }: Backup, folder: string): Promise<void> {
  const listed = new Set(files.map(({ path }) => path));
  const missing = tables.find(({ file }) => !listed.has(file));
  if (missing !== undefined) throw new BackupError('backup_unreadable', `${missing.file} is not listed`);
  for (const { path, sizeBytes, sha256 } of files) {
    const isPlaced = path.startsWith('tables/') || KEPT_FOLDERS.some((kept) => path.startsWith(`data/${kept}/`));
    const found = isPlaced ? await digestOfThere(join(folder, path)) : null;
    if (found?.sizeBytes !== sizeBytes || found.sha256 !== sha256) throw new BackupError('backup_unreadable', path);
  }
}

/** Null when there is no such file. */
async function digestOfThere(file: string): Promise<Awaited<ReturnType<typeof digestOf>> | null> {
  try {
    return await digestOf(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** What the guard of the signer has let out; null when there is none. Throws: GuardFault. */
async function readGuard(dataFolder: string): Promise<ReadonlyMap<string, Watched> | null> {
  const folder = join(dataFolder, 'guard');
  const [newest] = await listJournals(folder);
  return newest === undefined ? null : readJournal(new Uint8Array(await readFile(join(folder, newest.name))));
}

function checkGuard(
  { heads }: Backup,
  guard: ReadonlyMap<string, Watched> | null,
  { isGuardLost }: RestoreRequest,
): void {
  if (guard === null && !isGuardLost) throw new BackupError('guard_missing', 'no journal');
  const held = new Map(heads.map((head) => [head.origin, head]));
  for (const [origin, { released }] of guard ?? []) {
    if (released === null) continue;
    const head = held.get(origin);
    const size = head?.size ?? 0;
    const isOther = size === released.size && toBase64(released.root) !== head?.root;
    if (size < released.size || isOther)
      throw new BackupError(
        'backup_behind_guard',
        `${origin}: the backup has ${size} entries, ${released.size} were let out`,
      );
  }
}

/** Throws: LogFormatError for what is no checkpoint. */
const headSeen = (note: string): Checkpoint => parseCheckpoint(parseNote(note).text);

/** Throws: BackupError backup_behind_seen, backup_of_other_history; LogFormatError. */
function checkSeen({ heads }: Backup, note: string): void {
  const seen = headSeen(note);
  const { origin, size } = seen;
  const head = heads.find((one) => one.origin === origin);
  if ((head?.size ?? 0) < size)
    throw new BackupError(
      'backup_behind_seen',
      `${origin}: the backup has ${head?.size ?? 0} entries, somebody has seen ${size}`,
    );
  if (head?.size === size) checkSame(seen, fromBase64(head.root));
}

/**
 * Holds a head that somebody has kept against the root that the backup has at its size.
 *
 * Why: a smaller one, too. Two histories part somewhere, and whoever kept a head behind that place knows which one was shown.
 */
function checkSame({ origin, size, root }: Checkpoint, held: Uint8Array): void {
  if (!sameBytes(root, held))
    throw new BackupError('backup_of_other_history', `${origin}: another root at ${size} entries`);
}

async function load(tx: TransactionSql, { tables, heads }: Backup, request: RestoreRequest): Promise<void> {
  await limitStatements(tx, null);
  const [some] = await tx`SELECT FROM logs UNION ALL SELECT FROM accounts UNION ALL SELECT FROM intake LIMIT 1`;
  if (some !== undefined) throw new BackupError('database_not_empty', 'it has logs, accounts or acts');
  const due = (await listTables(tx)).map(({ name }) => name).filter((name) => !LEFT_OUT.includes(name));
  if (
    due.toSorted().join() !==
    tables
      .map(({ name }) => name)
      .toSorted()
      .join()
  )
    throw new BackupError('backup_unreadable', 'a table is missing, or one too many');
  for (const { name, columns, file } of tables) {
    // what the migrations put there themselves comes back with the table
    await tx`DELETE FROM ${tx(name)}`;
    await copyIn(tx, { name, columns }, createReadStream(join(request.folder, file)));
  }
  await setCounters(tx);
  const seen = request.seen.map(headSeen);
  for (const { origin, size, root } of heads) {
    const ofLog = seen.filter((head) => head.origin === origin);
    let range = EMPTY_RANGE;
    for await (const { bytes } of streamEntries(tx, origin, 0, size)) {
      range = appendLeaves(sha256, range, [leafHash(sha256, bytes)]);
      for (const head of ofLog) if (head.size === range.size) checkSame(head, rangeRoot(sha256, range));
    }
    const isHeld = range.size === size && sameBytes(rangeRoot(sha256, range), fromBase64(root));
    if (!isHeld || !(await isSigned(tx, { origin, size, root }, request)))
      throw new BackupError('log_does_not_hold', origin);
  }
}

/** Did a key of the platform sign this very head: that of the opening, or one that the ledger has had? A backup says what it likes of itself. */
async function isSigned(
  tx: TransactionSql,
  { origin, size, root }: Backup['heads'][number],
  { platform, keyring }: RestoreRequest,
): Promise<boolean> {
  const note = await readCheckpoint(tx, origin, size);
  const kind = kindOfOrigin(platform, origin);
  if (note === null || kind === undefined) return false;
  const keys =
    kind === 'opening'
      ? [parseVkey(sha256, keyring.vkeyOf(origin, kind))]
      : keysUntil(keyring, 'ledger').map((key) => verifierKey(sha256, origin, KEY_TYPES.ed25519, fromBase64(key)));
  for (const key of keys) {
    try {
      const { checkpoint } = await openCheckpoint(note, ed25519Verifier(key, verifyEd25519));
      if (checkpoint.size === size && toBase64(checkpoint.root) === root) return true;
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
    }
  }
  return false;
}

async function putBack({ folder, dataFolder }: RestoreRequest, path: string): Promise<void> {
  const to = join(dataFolder, path);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await copyFile(join(folder, 'data', path), to);
  const file = await open(to, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A journal that says of each log that the backup's head was let out, and nothing more. */
async function writeGuard({ heads }: Backup, dataFolder: string): Promise<void> {
  const watched = new Map<string, Watched>();
  for (const { origin, size, root } of heads)
    watched.set(origin, { released: { size, root: fromBase64(root) }, pending: new Map() });
  const folder = join(dataFolder, 'guard');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = await open(join(folder, 'journal'), 'wx', 0o600);
  try {
    await file.writeFile(formatJournal(watched));
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(folder);
}
