/** The vault key: 32 random bytes in a file of their own, under which window keys are wrapped; it never enters the database. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeOnce } from '../durable-file.ts';
import { VAULT_KEY_BYTES } from './window-key.ts';

/** The file is not what it must be; `code` is stable. */
export class VaultKeyError extends Error {
  readonly code: 'vault_key_open_to_others' | 'vault_key_malformed';
  constructor(code: VaultKeyError['code'], file: string) {
    super(`${code}: ${file}`);
    this.name = 'VaultKeyError';
    this.code = code;
  }
}

/**
 * Reads the vault key of a data folder; made on the first start.
 *
 * Shape:  `<folder>/keys/vault.key`, 32 bytes, mode 0600.
 * Throws: VaultKeyError.
 */
export async function openVaultKey(
  dataFolder: string,
  randomBytes: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  const file = join(dataFolder, 'keys', 'vault.key');
  await mkdir(join(dataFolder, 'keys'), { recursive: true, mode: 0o700 });
  if ((await orNull(stat(file))) === null) await writeOnce(file, randomBytes(VAULT_KEY_BYTES), randomBytes);
  if (((await stat(file)).mode & 0o077) !== 0) throw new VaultKeyError('vault_key_open_to_others', file);
  const key = new Uint8Array(await readFile(file));
  if (key.length !== VAULT_KEY_BYTES) throw new VaultKeyError('vault_key_malformed', file);
  return key;
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
