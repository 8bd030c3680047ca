/** One key follows another: the files of keys to come, in use and before, changed while nobody signs with them; every step may be broken off and done again. */
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64 } from '../core/log/base64.ts';
import { formatInstant } from '../core/log/instant.ts';
import { announcementStatement } from '../core/log/key-announcement.ts';
import type { KeyAnnouncement } from '../core/log/ledger-events.ts';
import { kindOfOrigin } from '../core/log/origin.ts';
import { syncFolder, writeOnce } from '../durable-file.ts';
import { KeyError, makeSigningKey } from '../ed25519.ts';
import { lockFolder } from '../folder-lock.ts';
import type { World } from '../world.ts';
import { keyFromCommand } from './command-key.ts';
import { listJournals } from './guard-folder.ts';
import { readJournal } from './guard-journal.ts';
import {
  announcementFile,
  EARLIER_LIMIT,
  type Key,
  type KeyUse,
  openKeys,
  readSuccession,
  type Succession,
} from './keys.ts';

const ENDINGS = ['key', 'json'] as const;

/** The folder of a server or signer that is stopped. */
export type Stopped = {
  readonly folder: string;
  readonly platform: string;
  readonly world: Pick<World, 'now' | 'randomBytes'>;
};

/** What is said of a key to come: where it lies, and since when others may have had the one in use. */
export type NextKey = {
  /** A file as command-key.ts reads it; without it a key file is made. */
  readonly description?: string;
  /** In ms since 1970; not after now. */
  readonly compromisedSince?: number;
};

/**
 * Puts a new key beside the one in use, and has both sign that one follows the other: at the next start that is announced on the ledger.
 *
 * Throws: KeyError `key_twice` when one is there already; what the description is refused for; an Error when somebody signs.
 * Why:    signed here and nowhere else, so a server that only asks a signer gets no key of its own announced.
 */
export async function addNextKey(stopped: Stopped, use: KeyUse, how: NextKey = {}): Promise<void> {
  const { folder, platform, world } = stopped;
  const { description, compromisedSince } = how;
  const now = world.now();
  if (compromisedSince !== undefined && compromisedSince > now)
    throw new Error('since when the key is compromised is an instant to come');
  await whileNobodySigns(folder, async (keys) => {
    const { succession, ...found } = await openKeys(folder, false);
    const there = succession.next[use];
    // One that nothing is signed of was broken off here.
    if (there !== undefined && (description !== undefined || announcementOf(succession, there) !== undefined))
      throw new KeyError('key_twice', `a key to follow ${use} is there already`);
    if (there === undefined && description === undefined)
      await makeSigningKey(join(keys, `${use}.next.key`), world.randomBytes);
    if (description !== undefined) {
      await keyFromCommand(description);
      await writeOnce(join(keys, `${use}.next.json`), await readFile(description), world.randomBytes);
    }
    const next = there ?? (await openKeys(folder, false)).succession.next[use];
    if (next === undefined) throw new KeyError('key_missing', `no key is to follow ${use}`);
    const unsigned = {
      key: { use, algorithm: 'Ed25519', publicKey: toBase64(next.publicBytes) },
      replaces: toBase64(found[use].publicBytes),
      from: formatInstant(now),
      ...(compromisedSince !== undefined && { compromisedSince: formatInstant(compromisedSince) }),
    } as const;
    const text = announcementStatement(platform, unsigned);
    const signatures = { replaced: toBase64(await found[use].sign(text)), key: toBase64(await next.sign(text)) };
    const said: KeyAnnouncement = { ...unsigned, signatures };
    await writeOnce(join(keys, announcementFile(use, next.publicBytes)), JSON.stringify(said), world.randomBytes);
  });
}

function announcementOf({ announcements }: Succession, { publicBytes }: Key): KeyAnnouncement | undefined {
  return announcements.find(({ key }) => key.publicKey === toBase64(publicBytes));
}

/**
 * Takes the key to come into use. The ledger's former one signs its heads beside it until it is ended; openings keep the key they began with.
 *
 * Throws: KeyError `key_missing` when none is to come, `key_unannounced` when nothing is signed of it; an Error when somebody signs.
 * Why:    list of logs, then the old file away, then the new one in its place: after each of them the folder is either as it was, or
 *         lacks the key in use, which stops every start until this is done again.
 */
export async function takeOver({ folder, platform, world }: Stopped, use: KeyUse): Promise<void> {
  const { randomBytes } = world;
  await whileNobodySigns(folder, async (keys) => {
    const next = await fileOf(keys, `${use}.next`);
    if (next === null) throw new KeyError('key_missing', `no key is to follow ${use}`);
    await needAnnouncement(keys, use);
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
 * Replaces a key that others may have had, in one step: the next start announces the new key, and nothing begins under the old one any more.
 *
 * Throws: as `addNextKey` and `takeOver`. Broken off between the two it stops every start (`key_compromised`) until the key is taken over.
 * Why:    verifiers refuse a log that begins under a key after the ledger has said so of it, and a head that no other key stands for.
 */
export async function replaceCompromised(
  stopped: Stopped,
  use: KeyUse,
  how: NextKey & { readonly compromisedSince: number },
): Promise<void> {
  await addNextKey(stopped, use, how);
  await takeOver(stopped, use);
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

/** Also of a folder that lacks the key in use, which is no keyring. */
async function needAnnouncement(keys: string, use: KeyUse): Promise<void> {
  const succession = await readSuccession(keys);
  const key = succession.next[use];
  if (key === undefined || announcementOf(succession, key) === undefined)
    throw new KeyError(
      'key_unannounced',
      `the key to follow ${use} was not put there by \`keys next\`: say that again`,
    );
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
