/** What a backup says of itself: backup.json, read back strictly. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import type { Words } from '../../core/log/words.ts';

const strict = { additionalProperties: false } as const;
const Digest = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
const Size = Type.Integer({ minimum: 0 });

export const BACKUP_FILE = 'backup.json';

export const BackupSchema = Type.Object(
  {
    v: Type.Literal(1),
    platform: Type.String({ minLength: 1 }),
    /** RFC 3339, by the clock of the database. */
    takenAt: Type.String({ minLength: 1 }),
    /** Hashes of the migrations that made the tables, in their order. */
    migrations: Type.Array(Type.String()),
    /** Base64 of the public half of each signing key that the logs need. */
    publicKeys: Type.Record(Type.Enum(['openings', 'ledger', 'receipts'] as const), Digest),
    tables: Type.Array(
      Type.Object({ name: Type.String(), columns: Type.Array(Type.String()), file: Type.String() }, strict),
    ),
    /** Every log as it stood: what a guard must not be ahead of. */
    heads: Type.Array(Type.Object({ origin: Type.String(), size: Size, root: Digest }, strict)),
    /** Every other file of the backup, with base64 SHA-256. */
    files: Type.Array(
      Type.Object(
        { path: Type.String({ pattern: '^(?!/)(?!.*\\.\\.)[^\\\\]+$' }), sizeBytes: Size, sha256: Digest },
        strict,
      ),
    ),
  },
  strict,
);
export type Backup = Type.Static<typeof BackupSchema>;

export const BACKUP_ERRORS = {
  folder_not_empty: { en: 'The folder for the backup must not be there yet.', zh: '备份目标文件夹必须尚不存在。' },
  backup_unsigned: {
    en: 'A log has a committed head that nobody has signed: is the server running, and its signer with it? Start it, and take the backup then.',
    zh: '有日志的最新树头尚未签名：服务及其签名进程是否在运行？请启动后再备份。',
  },
  backup_unreadable: { en: 'This is no backup, or one that was changed.', zh: '这不是备份，或备份已被改动。' },
  backup_of_other_version: {
    en: 'The backup was made by another version of this program: restore it with that one, then upgrade.',
    zh: '该备份由其他版本生成：请用该版本恢复后再升级。',
  },
  backup_of_other_platform: { en: 'The backup is of another platform.', zh: '该备份属于另一平台。' },
  keys_differ: {
    en: 'The signing keys at hand are not those the logs were signed with.',
    zh: '现有签名密钥与日志所用的不一致。',
  },
  database_not_empty: { en: 'The database to restore into is not empty.', zh: '要恢复到的数据库不是空库。' },
  backup_behind_guard: {
    en: 'The guard has let out more than the backup holds: put back a newer one. Restoring this would sign a second history.',
    zh: '守护日志已放行的内容多于该备份：请使用更新的备份。恢复此备份将签出第二份历史。',
  },
  backup_behind_seen: {
    en: 'Somebody has seen a later head than the backup holds: put back a newer one. Restoring this would sign a second history.',
    zh: '已有人见过比该备份更新的树头：请使用更新的备份。恢复此备份将签出第二份历史。',
  },
  backup_of_other_history: {
    en: 'Somebody has seen another history than the one in the backup. Sign nothing with it: keep both, and tell the supervisors.',
    zh: '已有人见过与该备份不同的历史。请勿以此备份签名：保留双方证据并报告监督部门。',
  },
  guard_missing: {
    en: 'There is no guard. Find it; or, when it is lost for good, say --guard-lost and show with --seen what cosigners and others have seen.',
    zh: '没有守护日志。请先设法找回；确已丢失时使用 --guard-lost，并以 --seen 提供联署方等所见过的树头。',
  },
  log_does_not_hold: {
    en: 'A log in the backup is not the one that the platform signed.',
    zh: '备份中的日志不是平台所签名的日志。',
  },
} as const satisfies Record<string, Words>;

/** Nothing was backed up or restored; `code` is stable. */
export class BackupError extends Error {
  readonly code: keyof typeof BACKUP_ERRORS;
  constructor(code: BackupError['code'], message: string) {
    super(message);
    this.name = 'BackupError';
    this.code = code;
  }
}

/** Reads backup.json. Throws: BackupError backup_unreadable. */
export async function readBackup(folder: string): Promise<Backup> {
  const text = await readFile(join(folder, BACKUP_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new BackupError('backup_unreadable', `${BACKUP_FILE}: ${error.code ?? error.message}`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BackupError('backup_unreadable', String(error));
  }
  if (!Check(BackupSchema, value)) throw new BackupError('backup_unreadable', `${BACKUP_FILE} is not of its form`);
  return value;
}
