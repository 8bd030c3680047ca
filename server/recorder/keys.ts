/** The platform's signing keys: Ed25519, one file each below the data folder, made on the first start and never again. */
import { sign } from 'node:crypto';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Check } from 'typebox/schema';
import { type KeyAnnouncement, KeyAnnouncementSchema } from '../core/log/ledger-events.ts';
import { KeyError, makeSigningKey, readSigningKey } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
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

/** The keys beside those in use while one follows another (key-succession.ts makes the files). */
export type Succession = {
  /** To come: announced on the ledger; that of the ledger signs its heads beside the present one. */
  readonly next: { readonly [Use in KeyUse]?: Key };
  /** Were in use for the ledger, and still sign its heads beside the present one, for those who know no other. */
  readonly earlierLedger: readonly Key[];
  /** Were in use for openings: each log keeps the key it began with. */
  readonly earlierOpenings: readonly { readonly key: Key; readonly logs: ReadonlySet<string> }[];
  /** What was signed when each of them was put there, in no order; never taken away. */
  readonly announcements: readonly KeyAnnouncement[];
};

export type PlatformKeys = Keys & { readonly succession: Succession };

/** Earlier keys of one use that may be there at one time. */
export const EARLIER_LIMIT = 99;

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
export async function openKeys(folder: string, mayMake: boolean): Promise<PlatformKeys> {
  const keysFolder = join(folder, 'keys');
  await mkdir(keysFolder, { recursive: true, mode: 0o700 });
  const read = async (use: KeyUse): Promise<Key> => {
    const there = await readIfThere(join(keysFolder, use));
    if (there !== null) return there;
    const file = join(keysFolder, `${use}.key`);
    if (!mayMake) throw new KeyError('key_missing', `${file} is not there, but logs have been signed with it`);
    await makeSigningKey(file, systemWorld.randomBytes);
    return keyFromFile(file);
  };
  const keys = { openings: await read('openings'), ledger: await read('ledger'), receipts: await read('receipts') };
  return { ...keys, succession: await readSuccession(keysFolder) };
}

/** The key of a place, `<place>.key` or `<place>.json`; null when neither is there. */
async function readIfThere(place: string): Promise<Key | null> {
  const [file, description] = [`${place}.key`, `${place}.json`];
  const [hasFile, hasDescription] = [await isThere(file), await isThere(description)];
  if (hasFile && hasDescription) throw new KeyError('key_twice', `${file} and ${description}: only one of them`);
  if (hasDescription) return keyFromCommand(description);
  return hasFile ? keyFromFile(file) : null;
}

/** The keys beside those in use, of a folder of keys. Throws: KeyError. */
export async function readSuccession(keysFolder: string): Promise<Succession> {
  const next: { [Use in KeyUse]?: Key } = {};
  for (const use of KEY_USES) {
    const key = await readIfThere(join(keysFolder, `${use}.next`));
    if (key !== null) next[use] = key;
  }
  const earlierLedger: Key[] = [];
  const earlierOpenings: { key: Key; logs: ReadonlySet<string> }[] = [];
  for (let n = 1; n <= EARLIER_LIMIT; n++) {
    const ofLedger = await readIfThere(join(keysFolder, `ledger.${n}`));
    if (ofLedger !== null) earlierLedger.push(ofLedger);
    const key = await readIfThere(join(keysFolder, `openings.${n}`));
    if (key === null) continue;
    const logs = (await readFile(join(keysFolder, `openings.${n}.logs`), 'utf8'))
      .split('\n')
      .filter((line) => line !== '');
    earlierOpenings.push({ key, logs: new Set(logs) });
  }
  return { next, earlierLedger, earlierOpenings, announcements: await readAnnouncements(keysFolder) };
}

const ANNOUNCEMENT = /^(?:openings|ledger|receipts)\.[0-9a-f]{16}\.announcement$/;

/** The name of the file that says which key this one follows. */
export function announcementFile(use: KeyUse, publicBytes: Uint8Array): string {
  return `${use}.${Buffer.from(sha256(publicBytes)).toString('hex').slice(0, 16)}.announcement`;
}

/** Throws: KeyError key_malformed. */
async function readAnnouncements(keysFolder: string): Promise<KeyAnnouncement[]> {
  const names = (await readdir(keysFolder)).filter((name) => ANNOUNCEMENT.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const said: unknown = JSON.parse(await readFile(join(keysFolder, name), 'utf8'));
      if (!Check(KeyAnnouncementSchema, said)) throw new KeyError('key_malformed', `${name} announces no key`);
      return said;
    }),
  );
}
