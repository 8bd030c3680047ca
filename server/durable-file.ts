/** Files that must be there whole after a power failure: a private one is written where there is none, a folder's names are brought to disk. */
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { toBase64Url } from './core/log/base64.ts';

const NAME_BYTES = 12;

/** Writes a folder's own entries to disk: a new name in it is not durable before. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file of mode 0600 where there is none, whole or not at all; one that is there stands.
 *
 * Returns: whether this call wrote it; durable in either case.
 * Why:     another process may be looking for it, or making its own at the same moment. The part is named at random, for in two
 *          containers on one folder both processes may have the same number.
 */
export async function writeOnce(
  file: string,
  content: string | Uint8Array,
  randomBytes: (length: number) => Uint8Array,
): Promise<boolean> {
  const part = `${file}.part-${toBase64Url(randomBytes(NAME_BYTES))}`;
  const handle = await open(part, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    // a full disk is not filled further by what it had no room for
    await rm(part, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  // link and not rename: it never replaces what is there
  const isOurs = await link(part, file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
  await rm(part);
  await syncFolder(dirname(file));
  return isOurs;
}
