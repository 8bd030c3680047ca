/** Ed25519 by Node.js: the check that the pure core is handed, and key files that nobody else may read. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fromBase64Url } from './core/log/base64.ts';
import type { VerifyEd25519 } from './core/log/note.ts';
import { writeOnce } from './durable-file.ts';
import type { World } from './world.ts';

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** RFC 8032 over a message. */
export const verifyEd25519: VerifyEd25519 = (publicKey, message, signature) =>
  verify(null, message, { key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' }, signature);

export type SigningKey = {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The 32 bytes of the public key. */
  readonly publicBytes: Uint8Array;
};

/** A key is missing, not what it must be, or cannot be used now; `code` is stable. */
export class KeyError extends Error {
  readonly code:
    | 'key_missing'
    | 'key_open_to_others'
    | 'key_malformed'
    | 'key_twice'
    | 'key_still_signs'
    | 'key_unannounced'
    | 'key_compromised'
    | 'key_command_failed'
    | 'key_signature_bad'
    | 'keys_changed';
  constructor(code: KeyError['code'], message: string) {
    super(`${code}: ${message}`);
    this.name = 'KeyError';
    this.code = code;
  }
}

/** Writes a new key where there is none: PKCS#8 PEM, mode 0600. One that is there stands. */
export async function makeSigningKey(file: string, randomBytes: World['randomBytes']): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeOnce(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), randomBytes);
}

/** Reads a key file. Throws: KeyError `key_missing`, `key_open_to_others`, `key_malformed`. */
export async function readSigningKey(file: string): Promise<SigningKey> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new KeyError('key_missing', `${file} is not there`);
    throw error;
  });
  if ((found.mode & 0o077) !== 0) throw new KeyError('key_open_to_others', `${file} must have mode 0600`);
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
