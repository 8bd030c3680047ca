/** The folder a cosigner lives in: its name and key, the logs it is enrolled for, the heads it signed; made once, kept by one process. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demand } from '../core/log/error.ts';
import { isKeyName } from '../core/log/key-name.ts';
import { formatVkey, KEY_TYPES, type VerifierKey, verifierKey } from '../core/log/note.ts';
import { writeOnce } from '../durable-file.ts';
import { makeSigningKey, readSigningKey, type SigningKey } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import type { World } from '../world.ts';

/** The files of a cosigner's folder. */
export const filesOf = (folder: string) => ({
  name: join(folder, 'name'),
  key: join(folder, 'cosigner.key'),
  logs: join(folder, 'logs'),
  heads: join(folder, 'heads'),
});

export type CosignerKey = { readonly key: VerifierKey; readonly vkey: string; readonly signingKey: SigningKey };

/**
 * Makes a cosigner's folder with a new key; what is there stands, so that it may be called again.
 *
 * Returns: its key; the vkey is what a platform's policy names.
 * Throws:  LogFormatError `key_name_malformed`, also for another name than it has; KeyError.
 */
export async function makeCosigner(folder: string, name: string, randomBytes: World['randomBytes']) {
  demand(isKeyName(name), 'key_name_malformed', `${JSON.stringify(name)} cannot name a key`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = filesOf(folder);
  await writeOnce(files.name, `${name}\n`, randomBytes);
  await writeOnce(files.logs, '', randomBytes);
  await makeSigningKey(files.key, randomBytes);
  const made = await readCosignerKey(folder);
  demand(made.key.name === name, 'key_name_malformed', `the cosigner of this folder is called ${made.key.name}`);
  return made;
}

/** Reads the key of a folder. Throws: KeyError; LogFormatError; what the disk says where there is no cosigner. */
export async function readCosignerKey(folder: string): Promise<CosignerKey> {
  const files = filesOf(folder);
  const signingKey = await readSigningKey(files.key);
  const name = (await readFile(files.name, 'utf8')).trimEnd();
  const key = verifierKey(sha256, name, KEY_TYPES.cosignature, signingKey.publicBytes);
  return { key, vkey: formatVkey(key), signingKey };
}
