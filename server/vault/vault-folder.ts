/** Where sealed envelopes lie on disk, and how a file is brought there so that no crash leaves half of one under its name. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64Url } from '../core/log/base64.ts';

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
  const { incoming, finished } = placesIn(folder);
  await mkdir(finished, { recursive: true, mode: 0o700 });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
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
  const { incoming, finished } = placesIn(folder);
  const pathOf = (name: string): string => {
    if (!NAME.test(name)) throw new RangeError('not the name of a file in the vault');
    return join(finished, name);
  };

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
          await syncFolder(finished);
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
    list: async () => (await readdir(finished)).filter((name) => NAME.test(name)),
    writtenAt: (name) => lastWrite(pathOf(name)),
  };
}

/**
 * The bytes of a file, CHUNK_BYTES at a time.
 *
 * Why: every chunk is the same memory: whoever wants to keep bytes must copy them.
 */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function placesIn(folder: string): { incoming: string; finished: string } {
  return { incoming: join(folder, 'incoming'), finished: join(folder, 'finished') };
}

/** When a file was last written, ms; null when it is not there. */
async function lastWrite(path: string): Promise<number | null> {
  try {
    return Math.round((await stat(path)).mtimeMs);
  } catch (error) {
    if (isStorageError(error) && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Writes all of `bytes`: FileHandle.write may write less. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset);
    offset += bytesWritten;
  }
}

/** Whether an error came from the file system. */
export function isStorageError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
