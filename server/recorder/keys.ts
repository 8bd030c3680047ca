/** The platform's signing keys: Ed25519, one file each below the data folder, made on the first start and never again. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64Url } from '../core/log/base64.ts';
import { writeOnce } from '../durable-file.ts';
import { systemWorld } from '../world.ts';

/** What each key signs: heads of opening logs; heads of ledger and access log; receipts and access tokens. */
export type KeyUse = 'openings' | 'ledger' | 'receipts';

export type SigningKey = {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The 32 bytes of the public key. */
  readonly publicBytes: Uint8Array;
};
export type Keys = { readonly [Use in KeyUse]: SigningKey };

/** A key file is missing or not what it must be; `code` is stable. */
export class KeyError extends Error {
  readonly code: 'key_missing' | 'key_open_to_others' | 'key_malformed';
  constructor(code: KeyError['code'], message: string) {
    super(`${code}: ${message}`);
    this.name = 'KeyError';
    this.code = code;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function readKey(file: string): Promise<SigningKey> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) throw new KeyError('key_open_to_others', `${file} must have mode 0600`);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(await readFile(file));
  } catch (cause) {
    // not the cause itself: a parser's message may quote what it read
    if (!(cause instanceof Error)) throw cause;
    throw new KeyError('key_malformed', `${file} holds no private key`);
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new KeyError('key_malformed', `${file} is not an Ed25519 key`);
  const publicKey = createPublicKey(privateKey);
  const { x } = publicKey.export({ format: 'jwk' });
  return { privateKey, publicKey, publicBytes: fromBase64Url(x as string) };
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
      const { privateKey } = generateKeyPairSync('ed25519');
      await writeOnce(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), systemWorld.randomBytes);
    }
    return readKey(file);
  };
  return { openings: await read('openings'), ledger: await read('ledger'), receipts: await read('receipts') };
}
