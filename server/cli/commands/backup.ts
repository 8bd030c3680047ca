/** `kaibiao backup` and `kaibiao restore`: the platform's data into a folder beside the running server, and back when all is lost. */
import { constants, copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readOwnConfig } from '../../config.ts';
import { openKeys } from '../../recorder/keys.ts';
import { openAsOwner } from '../../store/connect.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { restoreBackup } from '../backup/restore-backup.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { needPositionals } from './options.ts';

async function publicKeysOf(dataFolder: string) {
  const { openings, ledger, receipts } = await openKeys(dataFolder, false);
  return { openings: openings.publicBytes, ledger: ledger.publicBytes, receipts: receipts.publicBytes };
}

/** Takes a backup; with --keys the keys, too, to another folder that is kept elsewhere. */
export async function backup(argv: readonly string[], io: Io): Promise<number> {
  const options = { keys: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['folder']);
  const config = readOwnConfig();
  const { platform, dataFolder } = config;
  const publicKeys = await publicKeysOf(dataFolder);
  const database = await openAsOwner(config, false);
  try {
    const folder = resolve(positionals[0] ?? '');
    const { tables, heads, files } = await makeBackup(database.sql, { platform, dataFolder, folder, publicKeys });
    io.out(`${tables.length} tables, ${heads.length} logs, ${files.length} files → ${folder}`);
    if (values.keys !== undefined) io.out(`keys → ${await copyKeys(dataFolder, resolve(values.keys))}`);
    return EXIT.done;
  } finally {
    await database.close();
  }
}

/** Restores a backup into an empty database; with --keys puts the keys into the data folder, once all else is there. */
export async function restore(argv: readonly string[], io: Io): Promise<number> {
  const options = {
    keys: { type: 'string' },
    seen: { type: 'string', multiple: true, default: [] as string[] },
    'guard-lost': { type: 'boolean', default: false },
  } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['folder']);
  const config = readOwnConfig();
  const { platform, dataFolder } = config;
  const seen = await Promise.all(values.seen.map((file) => readFile(file, 'utf8')));
  const keys = values.keys === undefined ? null : resolve(values.keys);
  const publicKeys = await publicKeysOf(keys ?? dataFolder);
  const database = await openAsOwner(config, true);
  try {
    const restored = await restoreBackup(database.sql, {
      platform,
      dataFolder,
      folder: resolve(positionals[0] ?? ''),
      publicKeys,
      seen,
      isGuardLost: values['guard-lost'],
    });
    // Last of all: keys beside an empty guard would begin every log anew.
    if (keys !== null) await copyKeys(keys, dataFolder);
    io.out(`${restored.heads.length} logs as of ${restored.takenAt}`);
    return EXIT.done;
  } finally {
    await database.close();
  }
}

/** Copies the keys, the vault's among them, where there are none yet; what is there stands. Returns: where to. */
async function copyKeys(from: string, to: string): Promise<string> {
  await mkdir(join(to, 'keys'), { recursive: true, mode: 0o700 });
  for (const name of await readdir(join(from, 'keys')))
    await copyFile(join(from, 'keys', name), join(to, 'keys', name), constants.COPYFILE_EXCL).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
  return to;
}
