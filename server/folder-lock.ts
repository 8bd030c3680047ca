/** Keeps a folder for one process of this machine, however that process ends. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { createServer } from 'node:net';

/** Gives a folder back. */
export type Release = () => Promise<void>;

/**
 * Keeps every other process of this machine out of the folder, until the end of this one.
 *
 * Returns: what gives it back; null when another has it.
 * Why:     two signers with one key would each keep their own word and together sign a fork. An abstract Unix socket is given
 *          back by the kernel however its holder ends.
 */
export async function lockFolder(folder: string): Promise<Release | null> {
  const server = createServer();
  // Whatever way leads to it, it is one folder.
  const place = createHash('sha256')
    .update(await realpath(folder))
    .digest('hex');
  const name = `\0kaibiao-guard-${place.slice(0, 32)}`;
  const isHeld = await new Promise<boolean>((answer, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? answer(false) : fail(error)));
    server.listen({ path: name }, () => answer(true));
  });
  if (!isHeld) return null;
  server.unref();
  return () => new Promise((closed) => server.close(() => closed()));
}
