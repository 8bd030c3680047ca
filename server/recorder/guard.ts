/** The signer's memory outside the database: which heads may be signed, and which were let out; it never forgets and never forks. */
import { createHash } from 'node:crypto';
import { constants, type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { HASH_BYTES } from '../core/log/hash.ts';
import { emptyRoot } from '../core/log/merkle.ts';
import { sha256 } from '../hash.ts';
import { syncFolder } from './keys.ts';

const { O_CREAT, O_DSYNC, O_TRUNC, O_WRONLY } = constants;

/** A head of a log as the guard keeps it. */
export type GuardedHead = { readonly size: number; readonly root: Uint8Array };

/** The journal is written anew, short, when it has grown by this much. */
const JOURNAL_GROWTH_LIMIT_BYTES = 64 * 2 ** 20;
const HEADER = 'kaibiao guard journal v1\n';
const CHECK_CHARACTERS = 16;

/** What the guard does not let be signed or let out. */
export class GuardRefusal extends Error {
  /**
   * `second_root`: another root stands for this size. `smaller_size`: a larger head is out, or asked for.
   * `unsettled_pending`: another root was signed for this size and nobody has said yet whether it was committed.
   * `unknown_predecessor`: the head does not grow from one that this guard knows. `not_pending`: never signed.
   */
  readonly code: 'second_root' | 'smaller_size' | 'unsettled_pending' | 'unknown_predecessor' | 'not_pending';
  constructor(code: GuardRefusal['code'], origin: string, size: number) {
    super(`${code}: ${origin} at size ${size}`);
    this.name = 'GuardRefusal';
    this.code = code;
  }
}

/** The guard cannot do its work; nothing may be signed. */
export class GuardFault extends Error {
  readonly code: 'guard_in_use' | 'guard_corrupted' | 'guard_write_failed';
  constructor(code: GuardFault['code'], message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'GuardFault';
    this.code = code;
  }
}

type Note =
  | readonly ['pending', string, number, string]
  | readonly ['released', string, number, string]
  | readonly ['dropped', string];

/** What is known of one log: the head that was let out, and the signed ones that may or may not have been committed. */
type Watched = { released: GuardedHead | null; readonly pending: Map<number, GuardedHead> };

export type Guard = {
  /**
   * Notes durably that this head is about to be signed, growing from `after`.
   *
   * Throws: GuardRefusal, GuardFault.
   * Why:    `after` must be a head that was let out or noted: a database that was put back and then grew past our last size
   *         would otherwise get a second history signed.
   */
  pend(origin: string, head: GuardedHead, after: GuardedHead): Promise<void>;
  /** Notes durably that a noted head is committed; a smaller one than is out changes nothing. Throws: GuardRefusal, GuardFault. */
  release(origin: string, head: GuardedHead): Promise<void>;
  /** Forgets what was noted and not let out: it was rolled back. Throws: GuardFault. */
  drop(origin: string): Promise<void>;
  /** The largest head let out; null when none was. */
  released(origin: string): GuardedHead | null;
  pending(origin: string): readonly GuardedHead[];
  /** Every log that the guard has heard of. */
  origins(): readonly string[];
  close(): Promise<void>;
};

const isSame = (a: GuardedHead, b: GuardedHead): boolean => a.size === b.size && sameBytes(a.root, b.root);

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECK_CHARACTERS);
}

/** One write of the journal: all notes of one group under one check, so that a torn write is one bad line, the last. */
function formatLine(notes: readonly Note[]): string {
  const text = JSON.stringify(notes);
  return `${checkOf(text)} ${text}\n`;
}

/** The notes of a line; undefined when it is not as it was written. */
function readLine(line: string): readonly Note[] | undefined {
  const text = line.slice(CHECK_CHARACTERS + 1);
  if (line[CHECK_CHARACTERS] !== ' ' || line.slice(0, CHECK_CHARACTERS) !== checkOf(text)) return undefined;
  // the check says that these are the bytes we wrote
  return JSON.parse(text) as readonly Note[];
}

function headOf(size: number, root: string): GuardedHead {
  const bytes = fromBase64(root);
  if (!Number.isSafeInteger(size) || size < 0 || bytes.length !== HASH_BYTES)
    throw new GuardFault('guard_corrupted', 'a note of the journal is no head');
  return { size, root: bytes };
}

function apply(watched: Map<string, Watched>, note: Note): void {
  const [what, origin] = note;
  const log = watched.get(origin) ?? { released: null, pending: new Map() };
  watched.set(origin, log);
  if (what === 'dropped') {
    log.pending.clear();
    return;
  }
  const head = headOf(note[2], note[3]);
  if (what === 'pending') {
    log.pending.set(head.size, head);
    return;
  }
  if (log.released !== null && head.size <= log.released.size) return;
  log.released = head;
  for (const size of log.pending.keys()) if (size <= head.size) log.pending.delete(size);
}

/**
 * What a journal says.
 *
 * Throws: GuardFault `guard_corrupted` when a line other than the last is not as it was written.
 * Why:    a crash can tear only the write that was under way, which is the last line; nobody was given a signature that waited
 *         for it. Anything else was changed afterwards.
 */
function readJournal(bytes: Uint8Array): Map<string, Watched> {
  const watched = new Map<string, Watched>();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!text.startsWith(HEADER)) {
    if (HEADER.startsWith(text)) return watched;
    throw new GuardFault('guard_corrupted', 'this is no guard journal');
  }
  let at = HEADER.length;
  while (at < text.length) {
    const found = text.indexOf('\n', at);
    const end = found === -1 ? text.length : found;
    const notes = found === -1 ? undefined : readLine(text.slice(at, end));
    if (notes === undefined) {
      if (end + 1 < text.length) throw new GuardFault('guard_corrupted', `the line at character ${at} was changed`);
      break;
    }
    for (const note of notes) apply(watched, note);
    at = end + 1;
  }
  return watched;
}

/** The shortest journal that says the same. */
function formatJournal(watched: ReadonlyMap<string, Watched>): string {
  const lines = [HEADER];
  for (const [origin, { released, pending }] of watched) {
    const notes: Note[] = [];
    if (released !== null) notes.push(['released', origin, released.size, toBase64(released.root)]);
    for (const { size, root } of pending.values()) notes.push(['pending', origin, size, toBase64(root)]);
    if (notes.length > 0) lines.push(formatLine(notes));
  }
  return lines.join('');
}

/** By what right one of several processes on a database opens the guard: the term it leads in, and which database gave it. */
export type Office = { readonly term: number; readonly database: string };

/**
 * A journal by its name: `journal` of a process that is the only one, `journal.<term>.<database>` of a leader.
 *
 * Why: each term writes a file of its own. Whoever was stopped and comes back when his term is over writes into one that nobody
 *      reads any more, whatever he does.
 */
type Journal = Office & { readonly name: string };

const JOURNAL = /^journal(?:\.([1-9][0-9]{0,15})\.([0-9a-z-]+))?$/;

/** The journals of a guard's folder, the one that counts first. */
async function listJournals(folder: string): Promise<Journal[]> {
  const names = await orNull(readdir(folder));
  const journals = (names ?? []).flatMap((name) => {
    const found = JOURNAL.exec(name);
    return found === null ? [] : [{ name, term: Number(found[1] ?? 0), database: found[2] ?? '' }];
  });
  return journals.sort((a, b) => b.term - a.term);
}

/**
 * Keeps every other process of this machine out of the folder, until the end of this one.
 *
 * Returns: what gives it back; null when another has it.
 * Why:     two signers with one key would each keep their own word and together sign a fork. An abstract Unix socket is given
 *          back by the kernel however its holder ends.
 */
async function lock(folder: string): Promise<(() => Promise<void>) | null> {
  const server = createServer();
  const name = `\0kaibiao-guard-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  const isHeld = await new Promise<boolean>((answer, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? answer(false) : fail(error)));
    server.listen({ path: name }, () => answer(true));
  });
  if (!isHeld) return null;
  server.unref();
  return () => new Promise((closed) => server.close(() => closed()));
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whether a guard has ever worked in this data folder. */
export async function hasGuard(dataFolder: string): Promise<boolean> {
  return (await listJournals(join(dataFolder, 'guard'))).length > 0;
}

/** The latest term that has a journal in this data folder; 0 when none has. */
export async function lastTerm(dataFolder: string): Promise<number> {
  return (await listJournals(join(dataFolder, 'guard')))[0]?.term ?? 0;
}

/**
 * Opens the guard of a data folder: for this process alone, or for the term that an office gives it.
 *
 * Throws: GuardFault: `guard_in_use` also when the folder holds a journal of this term or a later one; `guard_corrupted`.
 * Why:    of the processes of one database only the leader of a term opens it, after every transaction of the terms before has
 *         ended: then the journal before holds all that was committed. One that hangs may still keep the lock; it counts only
 *         against servers of other databases, which no term keeps out.
 */
export async function openGuard(dataFolder: string, office: Office | null = null): Promise<Guard> {
  const folder = join(dataFolder, 'guard');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [newest] = await listJournals(folder);
  const inUse = new GuardFault('guard_in_use', `another server signs with ${folder}`);
  if (office !== null && newest !== undefined && newest.term >= office.term) throw inUse;
  const held = await lock(folder);
  if (held === null && (office === null || newest?.database !== office.database)) throw inUse;
  const unlock = held ?? (async () => undefined);
  const file = join(
    folder,
    office === null ? (newest?.name ?? 'journal') : `journal.${office.term}.${office.database}`,
  );
  let handle: FileHandle;
  let watched: Map<string, Watched>;
  try {
    const before = newest === undefined ? new Uint8Array() : await orNull(readFile(join(folder, newest.name)));
    // A later leader has taken it away since.
    if (before === null) throw inUse;
    watched = readJournal(before);
    handle = await rewrite();
    if (office !== null) await removeEarlier(folder, office.term);
  } catch (error) {
    await unlock();
    throw error;
  }

  /** Puts the shortest journal in the place of the old one; a crash leaves either of the two, whole. */
  async function rewrite(): Promise<FileHandle> {
    const part = `${file}.part`;
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
      if (noted !== undefined && !isSame(noted, head)) throw refuse('unsettled_pending');
      for (const size of log?.pending.keys() ?? []) if (size > head.size) throw refuse('smaller_size');
      const known =
        (released === null ? after.size === 0 && sameBytes(after.root, noRoot) : isSame(released, after)) ||
        [...(log?.pending.values() ?? [])].some((pending) => isSame(pending, after));
      if (!known || after.size >= head.size) throw refuse('unknown_predecessor');
      const made: Note = ['pending', origin, head.size, toBase64(head.root)];
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
    async drop(origin) {
      const log = watched.get(origin);
      if (log === undefined || log.pending.size === 0) return;
      const made: Note = ['dropped', origin];
      apply(watched, made);
      await note(made);
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

/** Removes the journals of terms that are over, once the new one is durable. */
async function removeEarlier(folder: string, term: number): Promise<void> {
  for (const journal of await listJournals(folder))
    if (journal.term < term) await rm(join(folder, journal.name), { force: true });
}
