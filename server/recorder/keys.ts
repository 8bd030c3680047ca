/** The platform's signing keys: Ed25519, one file each below the data folder, made on the first start and never again. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyError, makeSigningKey, readSigningKey, type SigningKey } from '../ed25519.ts';
import { systemWorld } from '../world.ts';

/** What each key signs: heads of opening logs; heads of ledger and access log; receipts and access tokens. */
export type KeyUse = 'openings' | 'ledger' | 'receipts';

export type Keys = { readonly [Use in KeyUse]: SigningKey };

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Reads the keys of a data folder.
 *
 * Shape:  `<folder>/keys/<use>.key`, PKCS#8 PEM, mode 0600.
 * Throws: KeyError: `key_missing` when a key is not there and none may be made; `key_open_to_others`; `key_malformed`.
 * Why:    made only while the guard has never written: a key that is lost later must be noticed, not quietly replaced,
 *         since every log is bound to the one it began with.
 */
export async function openKeys(dataFolder: string, mayMake: boolean): Promise<Keys> {
  const folder = join(dataFolder, 'keys');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const read = async (use: KeyUse): Promise<SigningKey> => {
    const file = join(folder, `${use}.key`);
    if (!(await exists(file))) {
      if (!mayMake) throw new KeyError('key_missing', `${file} is not there, but logs have been signed with it`);
      await makeSigningKey(file, systemWorld.randomBytes);
    }
    return readSigningKey(file);
  };
  return { openings: await read('openings'), ledger: await read('ledger'), receipts: await read('receipts') };
}
