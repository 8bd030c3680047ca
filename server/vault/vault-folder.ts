/** Where sealed envelopes lie on disk, and how a file is brought there so that no crash leaves half of one under its name. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64Url } from '../core/log/base64.ts';
import { syncFolder } from '../durable-file.ts';

/** Bytes read or written at a time: memory per pass is a small multiple of it, whatever the envelope's size. */
export const CHUNK_BYTES = 262_144;
const NAME_RANDOM_BYTES = 16;
const NAME = /^[A-Za-z0-9_-]{22}$/;

export type VaultFolder = {
  /** The file of a finished one. Asserts: `name` is one that `publish` gave. */
  path(name: string): string;
  /** Starts a file under a quarantine name. */
  begin(): Promise<Quarantined>;
  /** Removes a finished one, if it is there. */
  discard(name: string): Promise<void>;
  /** The names of all finished ones. */
  list(): Promise<string[]>;
  /** When a finished one was last written, ms since 1970 by the file system's clock; null when it is not there. */
  writtenAt(name: string): Promise<number | null>;
  readonly parts: PartsFolder;
};

/** Files that come in over several requests: in a place of their own, because no start may empty it. */
export type PartsFolder = {
  /** Makes an empty one whose name is durable. Returns: the name, which it keeps when it is finished. */
  create(): Promise<string>;
  /** Opens one for writing; null when it is not there. */
  open(name: string): Promise<FileHandle | null>;
  /** Where it lies: among the parts, or finished already; null when it is nowhere. */
  find(name: string): Promise<string | null>;
  /** Puts one whose bytes are durable among the finished ones; done once more it changes nothing. */
  publish(name: string): Promise<void>;
  /** Removes one, if it is there and not finished. */
  discard(name: string): Promise<void>;
  list(): Promise<string[]>;
  writtenAt(name: string): Promise<number | null>;
};

export type Quarantined = {
  file: FileHandle;
  path: string;
  /** Makes the file durable and gives it its random name. Returns: the name. */
  publish(): Promise<string>;
  /** Removes it. */
  abandon(): Promise<void>;
};

/**
 * Makes a folder for finished files, with its quarantine beside them, and empties the quarantine: what a crash left there nobody
 * has a receipt for. Once, at start, before anyone else joins; with others beside it only what nobody has written to since
 * `writtenBefore`, ms by the file system's clock.
 */
export async function openVaultFolder(
  folder: string,
  randomBytes: (length: number) => Uint8Array,
  writtenBefore = Number.POSITIVE_INFINITY,
): Promise<VaultFolder> {
  const { incoming, finished, parts } = placesIn(folder);
  for (const place of [finished, incoming, parts]) await mkdir(place, { recursive: true, mode: 0o700 });
  for (const left of await readdir(incoming)) {
    const path = join(incoming, left);
    if (((await lastWrite(path)) ?? 0) < writtenBefore) await rm(path, { force: true });
  }
  return joinVaultFolder(folder, randomBytes);
}

/**
 * A folder that `openVaultFolder` has made.
 *
 * Why: quarantine and finished files lie in one file system, so that publishing is a rename.
 */
export function joinVaultFolder(folder: string, randomBytes: (length: number) => Uint8Array): VaultFolder {
  const { incoming, finished, parts } = placesIn(folder);
  const pathOf = (name: string): string => pathIn(finished, name);

  return {
    path: pathOf,
    async begin() {
      const name = toBase64Url(randomBytes(NAME_RANDOM_BYTES));
      const path = join(incoming, name);
      const file = await open(path, 'wx', 0o600);
      return {
        file,
        path,
        async publish() {
          // 1. the bytes, 2. the name, 3. the folder that holds the name: after a crash at any line there is all or nothing.
          await file.sync();
          await file.close();
          await rename(path, pathOf(name));
          try {
            await syncFolder(finished);
          } catch (error) {
            // nobody is told of a name that may be gone after a crash, so it goes now
            await rm(pathOf(name), { force: true });
            throw error;
          }
          return name;
        },
        async abandon() {
          await file.close();
          await rm(path, { force: true });
        },
      };
    },
    async discard(name) {
      await rm(pathOf(name), { force: true });
      await syncFolder(finished);
    },
    list: () => namesIn(finished),
    writtenAt: (name) => lastWrite(pathOf(name)),
    parts: joinParts(parts, finished, randomBytes),
  };
}

function joinParts(parts: string, finished: string, randomBytes: (length: number) => Uint8Array): PartsFolder {
  return {
    async create() {
      const name = toBase64Url(randomBytes(NAME_RANDOM_BYTES));
      await (await open(pathIn(parts, name), 'wx', 0o600)).close();
      await syncFolder(parts);
      return name;
    },
    open: (name) => unlessMissing(open(pathIn(parts, name), 'r+')),
    async find(name) {
      for (const place of [parts, finished])
        if ((await lastWrite(pathIn(place, name))) !== null) return pathIn(place, name);
      return null;
    },
    async publish(name) {
      await unlessMissing(rename(pathIn(parts, name), pathIn(finished, name)));
      await syncFolder(finished);
      await syncFolder(parts);
    },
    async discard(name) {
      await rm(pathIn(parts, name), { force: true });
    },
    list: () => namesIn(parts),
    writtenAt: (name) => lastWrite(pathIn(parts, name)),
  };
}

function pathIn(place: string, name: string): string {
  if (!NAME.test(name)) throw new RangeError('not the name of a file in the vault');
  return join(place, name);
}

async function namesIn(place: string): Promise<string[]> {
  return (await readdir(place)).filter((name) => NAME.test(name));
}

/**
 * The bytes of a file, or its first `limitBytes`, CHUNK_BYTES at a time.
 *
 * Why: every chunk is the same memory: whoever wants to keep bytes must copy them.
 */
export async function* readChunks(path: string, limitBytes = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let left = limitBytes; left > 0; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, left), null);
      if (bytesRead === 0) return;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function placesIn(folder: string): { incoming: string; finished: string; parts: string } {
  return { incoming: join(folder, 'incoming'), finished: join(folder, 'finished'), parts: join(folder, 'parts') };
}

/** When a file was last written, ms; null when it is not there. */
async function lastWrite(path: string): Promise<number | null> {
  const found = await unlessMissing(stat(path));
  return found === null ? null : Math.round(found.mtimeMs);
}

async function unlessMissing<Value>(work: Promise<Value>): Promise<Value | null> {
  try {
    return await work;
  } catch (error) {
    if (isStorageError(error) && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Writes all of `bytes`, behind what was written last or at `place`: FileHandle.write may write less. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, place?: number): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const at = place === undefined ? null : place + offset;
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset, at);
    offset += bytesWritten;
  }
}

/** Whether there was no room left for what was to be written. */
export function isStorageFull(error: unknown): boolean {
  return isStorageError(error) && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

/** Whether an error came from the file system. */
export function isStorageError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}
