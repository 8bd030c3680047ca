/** `kaibiao backup` and `kaibiao restore`: the platform's data into a folder beside the running server, and back when all is lost. */
import { constants, copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readOwnConfig } from '../../config.ts';
import type { PublicKeyring } from '../../recorder/keyring.ts';
import { type SigningConfig, withKeyring } from '../../signer/signing.ts';
import { openAsOwner } from '../../store/connect.ts';
import { BackupError } from '../backup/backup-form.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { restoreBackup } from '../backup/restore-backup.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { needPositionals } from './options.ts';

/** What is public of the keys at hand, for when nobody is asked any more. */
const keyringOf = (config: SigningConfig, io: Io): Promise<PublicKeyring> =>
  withKeyring(config, io.world, async (keyring) => keyring);

/** Takes a backup; with --keys the keys, too, to another folder that is kept elsewhere. */
export async function backup(argv: readonly string[], io: Io): Promise<number> {
  const options = { keys: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['folder']);
  const config = readOwnConfig();
  const { platform, dataFolder } = config;
  const { publicKeys } = await keyringOf(config, io);
  const database = await openAsOwner(config, false);
  try {
    const folder = resolve(positionals[0] ?? '');
    const { tables, heads, files } = await makeBackup(database.sql, { platform, dataFolder, folder, publicKeys });
    io.out(`${tables.length} tables, ${heads.length} logs, ${files.length} files → ${folder}`);
    if (values.keys !== undefined) {
      io.out(`keys → ${await copyKeys(dataFolder, resolve(values.keys))}`);
      // Only the signer reads them, so only its owner can keep them.
      if (config.signer !== null)
        io.err(
          'The signing keys are the signer’s: copy the folder `keys` of its folder as well · 签名密钥在签名进程处，请另存其 keys 目录。',
        );
    }
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
    signer: { type: 'string' },
  } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['folder']);
  const config = readOwnConfig();
  const { platform, dataFolder } = config;
  const seen = await Promise.all(values.seen.map((file) => readFile(file, 'utf8')));
  const keys = values.keys === undefined ? null : resolve(values.keys);
  const signerFolder = values.signer === undefined ? dataFolder : resolve(values.signer);
  if (config.signer !== null && values.signer === undefined)
    throw new UsageError(
      '--signer says where the signer’s folder is, whose guard must agree; run this where it can be read.',
    );
  const keyring = await keyringOf({ platform, signer: null, dataFolder: keys ?? signerFolder }, io);
  const database = await openAsOwner(config, true);
  try {
    const restored = await restoreBackup(database.sql, {
      platform,
      dataFolder,
      signerFolder,
      folder: resolve(positionals[0] ?? ''),
      keyring,
      seen,
      isGuardLost: values['guard-lost'],
    });
    // Last of all: keys beside an empty guard would begin every log anew.
    if (keys !== null && signerFolder === dataFolder) await copyKeys(keys, dataFolder);
    else if (keys !== null) {
      await copyKeys(keys, dataFolder, isVaultKey);
      await copyKeys(keys, signerFolder, (name) => !isVaultKey(name));
    }
    io.out(`${restored.heads.length} logs as of ${restored.takenAt}`);
    return EXIT.done;
  } finally {
    await database.close();
  }
}

const isVaultKey = (name: string): boolean => name === 'vault.key';

/** Copies the keys, the vault's among them, where there are none yet; what is there stands. Returns: where to. */
async function copyKeys(from: string, to: string, isMeant: (name: string) => boolean = () => true): Promise<string> {
  await mkdir(join(to, 'keys'), { recursive: true, mode: 0o700 });
  for (const name of (await readdir(join(from, 'keys'))).filter(isMeant))
    await copyFile(join(from, 'keys', name), join(to, 'keys', name), constants.COPYFILE_EXCL).catch(
      async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
        // From before a rotation: what is there and what is not would be two sets of keys in one.
        const [meant, there] = await Promise.all([from, to].map((place) => readFile(join(place, 'keys', name))));
        if (!there?.equals(meant ?? new Uint8Array()))
          throw new BackupError('keys_differ', `${to} has another ${name}: keep these keys in a folder of their own`);
      },
    );
  return to;
}
