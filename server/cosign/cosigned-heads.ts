/** What a cosigner remembers: of each log the last checkpoint it signed, one file each, never half written and never older after a crash. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../core/log/bytes.ts';
import { utf8 } from '../core/log/utf8.ts';
import { syncFolder } from '../durable-file.ts';
import { sha256 } from '../hash.ts';

export type CosignedHeads = {
  /** The cosigned note of a log by the hex SHA-256 of its origin; null when it never signed one. */
  read(originHash: string): Promise<Uint8Array | null>;
  /** Puts a note in the place of the last one; durable when it returns. One at a time for each log. */
  write(originHash: string, note: string): Promise<void>;
};

/** The name of a log's file, and of its address for monitors. */
export const hashOfOrigin = (origin: string): string => toHex(sha256(utf8(origin)));

/**
 * Opens the heads in a folder, making it on the first start.
 *
 * Why: written beside its place, synced, renamed, and the folder synced. Killed before the rename the last head stands; after it the
 *      new one does, whose signature nobody may have got: the log learns of it by a 409 and goes on from there.
 */
export async function openCosignedHeads(folder: string): Promise<CosignedHeads> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(join(folder, '..'));
  return {
    read: (originHash) =>
      readFile(join(folder, originHash)).then(
        (bytes) => new Uint8Array(bytes),
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return null;
          throw error;
        },
      ),
    async write(originHash, note) {
      const file = join(folder, originHash);
      const handle = await open(`${file}.part`, 'w', 0o600);
      try {
        await handle.writeFile(note);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(`${file}.part`, file);
      await syncFolder(folder);
    },
  };
}
