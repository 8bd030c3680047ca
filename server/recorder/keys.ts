/** The platform's signing keys: Ed25519, one file each below the data folder, made on the first start and never again. */
import { sign } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyError, makeSigningKey, readSigningKey } from '../ed25519.ts';
import { systemWorld } from '../world.ts';
import { keyFromCommand } from './command-key.ts';

/** What each key signs: heads of opening logs; heads of ledger and access log; receipts and access tokens. */
export const KEY_USES = ['openings', 'ledger', 'receipts'] as const;
export type KeyUse = (typeof KEY_USES)[number];

/** A key that signs, wherever its private half lies: all that the rest of the platform knows of it. */
export type Key = {
  /** The 32 bytes of the public key. */
  readonly publicBytes: Uint8Array;
  /** The 64 bytes of an Ed25519 signature (RFC 8032). Throws: KeyError when the key cannot be used now. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
};

export type Keys = { readonly [Use in KeyUse]: Key };

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** A key whose private half lies in a file. Throws: KeyError. */
async function keyFromFile(file: string): Promise<Key> {
  const { privateKey, publicBytes } = await readSigningKey(file);
  return { publicBytes, sign: async (bytes) => new Uint8Array(sign(null, bytes, privateKey)) };
}

/**
 * Reads the keys of a folder.
 *
 * Shape:  `<folder>/keys/<use>.key`, PKCS#8 PEM, mode 0600; or `<folder>/keys/<use>.json`, which says what command signs (command-key.ts).
 * Throws: KeyError: `key_missing` when a key is not there and none may be made; `key_open_to_others`; `key_malformed`;
 *         `key_twice` when both files are there.
 * Why:    made only while the guard has never written: a key that is lost later must be noticed, not quietly replaced,
 *         since every log is bound to the one it began with.
 */
export async function openKeys(folder: string, mayMake: boolean): Promise<Keys> {
  const keysFolder = join(folder, 'keys');
  await mkdir(keysFolder, { recursive: true, mode: 0o700 });
  const read = async (use: KeyUse): Promise<Key> => {
    const file = join(keysFolder, `${use}.key`);
    const description = join(keysFolder, `${use}.json`);
    const [hasFile, hasDescription] = [await isThere(file), await isThere(description)];
    if (hasFile && hasDescription) throw new KeyError('key_twice', `${file} and ${description}: only one of them`);
    if (hasDescription) return keyFromCommand(description);
    if (!hasFile) {
      if (!mayMake) throw new KeyError('key_missing', `${file} is not there, but logs have been signed with it`);
      await makeSigningKey(file, systemWorld.randomBytes);
    }
    return keyFromFile(file);
  };
  return { openings: await read('openings'), ledger: await read('ledger'), receipts: await read('receipts') };
}
