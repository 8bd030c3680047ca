/** The signer's memory outside the database: which heads may be signed, and which were let out; it never forgets and never forks. */
import { constants, type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { emptyRoot } from '../core/log/merkle.ts';
import { syncFolder } from '../durable-file.ts';
import { lockFolder } from '../folder-lock.ts';
import { sha256 } from '../hash.ts';
import { systemWorld, type World } from '../world.ts';
import { GuardFault, GuardRefusal } from './guard-faults.ts';
import {
  checkOffice,
  listJournals,
  lockFolderLater,
  nameOf,
  type Office,
  orNull,
  partOf,
  removeEarlier,
} from './guard-folder.ts';
import {
  apply,
  formatJournal,
  formatLine,
  type GuardedHead,
  type Note,
  readJournal,
  type Watched,
} from './guard-journal.ts';

const { O_CREAT, O_DSYNC, O_TRUNC, O_WRONLY } = constants;

/** The journal is written anew, short, when it has grown by this much. */
const JOURNAL_GROWTH_LIMIT_BYTES = 64 * 2 ** 20;

export type Guard = {
  /**
   * Notes durably that this head is about to be committed, growing from `after`; that it does was checked by the caller.
   *
   * Throws: GuardRefusal, GuardFault.
   * Why:    `after` must be the newest head that was noted, or let out when none is: a database that was put back and then grew past
   *         our last size would otherwise get a second history signed; and of two heads noted side by side, one could be let out behind the other.
   */
  pend(origin: string, head: GuardedHead, after: GuardedHead): Promise<void>;
  /** Notes durably that a noted head is committed; a smaller one than is out changes nothing. Throws: GuardRefusal, GuardFault. */
  release(origin: string, head: GuardedHead): Promise<void>;
  /** Forgets, at once and then durably, these of the heads that are noted and not let out: they were rolled back. Throws: GuardFault. */
  drop(origin: string, heads: readonly GuardedHead[]): Promise<void>;
  /** The largest head let out; null when none was. */
  released(origin: string): GuardedHead | null;
  pending(origin: string): readonly GuardedHead[];
  /** Every log that the guard has heard of. */
  origins(): readonly string[];
  close(): Promise<void>;
};

const isSame = (a: GuardedHead, b: GuardedHead): boolean => a.size === b.size && sameBytes(a.root, b.root);

/**
 * Opens the guard of a data folder: for this process alone, or for the term that an office gives it.
 *
 * Throws: GuardFault: `guard_in_use` also when the folder holds a journal of this term or a later one; `term_refused`;
 *         `guard_corrupted`.
 * Why:    of the processes of one database only the leader of a term opens it, after every transaction of the terms before has
 *         ended: then the journal before holds all that was committed. One that hangs may still keep the lock, which counts only
 *         against servers of other databases, which no term keeps out; it is taken as soon as that one lets it go.
 */
export async function openGuard(
  dataFolder: string,
  office: Office | null = null,
  after: World['after'] = systemWorld.after,
): Promise<Guard> {
  const folder = join(dataFolder, 'guard');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [newest] = await listJournals(folder);
  const inUse = new GuardFault('guard_in_use', `another server signs with ${folder}`);
  if (office !== null) checkOffice(office, newest);
  const held = await lockFolder(folder);
  if (held === null && (office === null || newest?.database !== office.database)) throw inUse;
  const unlock = held ?? lockFolderLater(folder, after);
  const file = join(folder, office === null ? (newest?.name ?? nameOf(null)) : nameOf(office));
  let handle: FileHandle;
  let watched: Map<string, Watched>;
  try {
    const before = newest === undefined ? new Uint8Array() : await orNull(readFile(join(folder, newest.name)));
    // A later leader has taken it away since.
    if (before === null) throw inUse;
    watched = readJournal(before);
    handle = await rewrite();
  } catch (error) {
    await unlock();
    throw error;
  }
  try {
    if (office !== null) await removeEarlier(folder, office);
  } catch (error) {
    await handle.close();
    await unlock();
    throw error;
  }

  /** Puts the shortest journal in the place of the old one; a crash leaves either of the two, whole. */
  async function rewrite(): Promise<FileHandle> {
    const part = partOf(file);
    // Each write returns when it is durable, as with a sync behind it, in one call instead of two.
    const fresh = await open(part, O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC, 0o600);
    try {
      await fresh.writeFile(formatJournal(watched));
      await fresh.sync();
      await rename(part, file);
      await syncFolder(folder);
    } catch (error) {
      await fresh.close();
      throw error;
    }
    return fresh;
  }

  type Waiter = { readonly note: Note; readonly done: () => void; readonly fail: (error: unknown) => void };
  let waiting: Waiter[] = [];
  let writing: Promise<void> | null = null;
  let grownBytes = 0;
  let broken: GuardFault | null = null;

  /** Writes what waits, a group at a time: all that came while one sync was under way share the next. */
  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        if (broken !== null) throw broken;
        const line = Buffer.from(formatLine(group.map(({ note }) => note)));
        await handle.appendFile(line);
        grownBytes += line.length;
        // What is let out is shown only now that it is durable; what is noted already counts in memory.
        for (const { note } of group) if (note[0] === 'released') apply(watched, note);
        if (grownBytes > JOURNAL_GROWTH_LIMIT_BYTES) {
          const old = handle;
          handle = await rewrite();
          await old.close();
          grownBytes = 0;
        }
        for (const { done } of group) done();
      } catch (cause) {
        // After a failed sync nobody knows what is on the disk: nothing more is signed until a start has read it anew.
        broken ??= new GuardFault('guard_write_failed', 'the journal cannot be written', { cause });
        for (const { fail } of group) fail(broken);
      }
    }
    writing = null;
  }

  function note(made: Note): Promise<void> {
    if (broken !== null) return Promise.reject(broken);
    return new Promise((done, fail) => {
      waiting.push({ note: made, done, fail });
      writing ??= write();
    });
  }

  const noRoot = emptyRoot(sha256);

  return {
    async pend(origin, head, after) {
      const refuse = (code: GuardRefusal['code']) => new GuardRefusal(code, origin, head.size);
      const log = watched.get(origin);
      const released = log?.released ?? null;
      if (released !== null && head.size < released.size) throw refuse('smaller_size');
      if (released !== null && head.size === released.size) {
        if (!isSame(released, head)) throw refuse('second_root');
        return;
      }
      const noted = log?.pending.get(head.size);
      const made: Note = ['pending', origin, head.size, toBase64(head.root)];
      if (noted !== undefined) {
        if (!isSame(noted, head)) throw refuse('unsettled_pending');
        // Written once more rather than believed durable: the first time may still be under way.
        return note(made);
      }
      for (const size of log?.pending.keys() ?? []) if (size > head.size) throw refuse('smaller_size');
      const before = released ?? { size: 0, root: noRoot };
      const pending = [...(log?.pending.values() ?? [])];
      const newest = pending.at(-1) ?? before;
      if (after.size >= head.size) throw refuse('unknown_predecessor');
      if (!isSame(newest, after)) {
        const isKnown = [before, ...pending].some((known) => isSame(known, after));
        throw refuse(isKnown ? 'unsettled_pending' : 'unknown_predecessor');
      }
      apply(watched, made);
      await note(made);
    },
    async release(origin, head) {
      const refuse = (code: GuardRefusal['code']) => new GuardRefusal(code, origin, head.size);
      const log = watched.get(origin);
      const released = log?.released ?? null;
      if (released !== null && head.size < released.size) return;
      if (released !== null && head.size === released.size) {
        if (!isSame(released, head)) throw refuse('second_root');
        return;
      }
      const noted = log?.pending.get(head.size);
      if (noted === undefined) throw refuse('not_pending');
      if (!isSame(noted, head)) throw refuse('second_root');
      await note(['released', origin, head.size, toBase64(head.root)]);
    },
    async drop(origin, heads) {
      const pending = watched.get(origin)?.pending;
      const gone = heads.flatMap((head): Note[] => {
        const noted = pending?.get(head.size);
        return noted !== undefined && isSame(noted, head) ? [['dropped', origin, head.size, toBase64(head.root)]] : [];
      });
      for (const made of gone) apply(watched, made);
      await Promise.all(gone.map(note));
    },
    released: (origin) => watched.get(origin)?.released ?? null,
    pending: (origin) => [...(watched.get(origin)?.pending.values() ?? [])],
    origins: () => [...watched.keys()],
    async close() {
      await writing;
      await handle.close();
      await unlock();
    },
  };
}
