/** One key follows another: the files of keys to come, in use and before, changed while nobody signs with them; every step may be broken off and done again. */
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { kindOfOrigin } from '../core/log/origin.ts';
import { syncFolder, writeOnce } from '../durable-file.ts';
import { KeyError, makeSigningKey } from '../ed25519.ts';
import { lockFolder } from '../folder-lock.ts';
import type { World } from '../world.ts';
import { keyFromCommand } from './command-key.ts';
import { listJournals } from './guard-folder.ts';
import { readJournal } from './guard-journal.ts';
import { EARLIER_LIMIT, type KeyUse, openKeys } from './keys.ts';

const ENDINGS = ['key', 'json'] as const;

/** The folder of a server or signer that is stopped. */
type Stopped = { readonly folder: string; readonly randomBytes: World['randomBytes'] };

/**
 * Puts a new key beside the one in use: at the next start it is announced on the ledger, under the one in use.
 *
 * Shape:  `description` is a file as command-key.ts reads it; without it a key file is made.
 * Throws: KeyError `key_twice` when one is there already; what the description is refused for; an Error when somebody signs.
 */
export async function addNextKey(stopped: Stopped, use: KeyUse, description?: string): Promise<void> {
  await whileNobodySigns(stopped.folder, async (keys) => {
    await openKeys(stopped.folder, false);
    if ((await fileOf(keys, `${use}.next`)) !== null)
      throw new KeyError('key_twice', `a key to follow ${use} is there already`);
    if (description === undefined) return makeSigningKey(join(keys, `${use}.next.key`), stopped.randomBytes);
    await keyFromCommand(description);
    await writeOnce(join(keys, `${use}.next.json`), await readFile(description), stopped.randomBytes);
  });
}

/**
 * Takes the key to come into use. The ledger's former one signs its heads beside it until it is ended; openings keep the key they began with.
 *
 * Throws: KeyError `key_missing` when none is to come; an Error when somebody signs.
 * Why:    list of logs, then the old file away, then the new one in its place: after each of them the folder is either as it was, or
 *         lacks the key in use, which stops every start until this is done again.
 */
export async function takeOver(stopped: Stopped, platform: string, use: KeyUse): Promise<void> {
  const { folder, randomBytes } = stopped;
  await whileNobodySigns(folder, async (keys) => {
    const next = await fileOf(keys, `${use}.next`);
    if (next === null) throw new KeyError('key_missing', `no key is to follow ${use}`);
    const present = await fileOf(keys, use);
    if (present !== null) {
      const n = await freeNumber(keys, use);
      if (use === 'openings') {
        const list = join(keys, `openings.${n}.logs`);
        await rm(list, { force: true });
        await writeOnce(
          list,
          (await openingsOf(folder, platform, keys, n)).map((origin) => `${origin}\n`).join(''),
          randomBytes,
        );
      }
      await rename(join(keys, present), join(keys, `${use}.${n}.${present.split('.').at(-1)}`));
      await syncFolder(keys);
    }
    await rename(join(keys, next), join(keys, `${use}.${next.split('.').at(-1)}`));
    await syncFolder(keys);
  });
}

/**
 * Ends the earlier keys of a use: they sign nothing any more, and their files are removed.
 *
 * Returns: how many.
 * Throws:  KeyError `key_still_signs` for openings, which keep the key they began with; an Error when somebody signs.
 */
export async function endEarlier({ folder }: Stopped, use: KeyUse): Promise<number> {
  if (use === 'openings') throw new KeyError('key_still_signs', 'openings keep the key they began with');
  return whileNobodySigns(folder, async (keys) => {
    await openKeys(folder, false);
    let ended = 0;
    for (let n = 1; n <= EARLIER_LIMIT; n++) {
      const file = await fileOf(keys, `${use}.${n}`);
      if (file === null) continue;
      await rm(join(keys, file));
      ended += 1;
    }
    await syncFolder(keys);
    return ended;
  });
}

/** Neither a server nor a signer may have read the keys that are changed. */
async function whileNobodySigns<T>(folder: string, work: (keys: string) => Promise<T>): Promise<T> {
  const releases: (() => Promise<void>)[] = [];
  try {
    for (const place of [folder, join(folder, 'guard')]) {
      const release = await lockFolder(place);
      if (release === null)
        throw new Error(`${folder} is in use: stop the server, or the signer, before its keys are changed`);
      releases.push(release);
    }
    return await work(join(folder, 'keys'));
  } finally {
    for (const release of releases) await release();
  }
}

/** The name of a key's file; null when there is none. */
async function fileOf(keys: string, name: string): Promise<string | null> {
  for (const ending of ENDINGS) {
    const file = `${name}.${ending}`;
    const found = await stat(join(keys, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (found !== null) return file;
  }
  return null;
}

async function freeNumber(keys: string, use: KeyUse): Promise<number> {
  for (let n = 1; n <= EARLIER_LIMIT; n++) if ((await fileOf(keys, `${use}.${n}`)) === null) return n;
  throw new KeyError('key_twice', `more than ${EARLIER_LIMIT} earlier keys of ${use}`);
}

/** Every opening that the guard knows and no earlier list has: they began with the key that is in use. */
async function openingsOf(folder: string, platform: string, keys: string, before: number): Promise<string[]> {
  const guard = join(folder, 'guard');
  const [newest] = await listJournals(guard);
  const watched =
    newest === undefined ? new Map() : readJournal(new Uint8Array(await readFile(join(guard, newest.name))));
  const listed = new Set<string>();
  for (let n = 1; n < before; n++)
    for (const origin of (await readFile(join(keys, `openings.${n}.logs`), 'utf8')).split('\n')) listed.add(origin);
  return [...watched.keys()].filter((origin) => kindOfOrigin(platform, origin) === 'opening' && !listed.has(origin));
}
