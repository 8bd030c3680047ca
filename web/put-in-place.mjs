/** Swaps a folder for a newly made one, also while others do the same. */
import { rename, rm } from 'node:fs/promises';

/** Puts `made` in the place of the folder `out`, which need not be there; of several at once the last one stays, and each is whole. */
export async function putInPlace(made, out) {
  for (;;) {
    await rename(out, `${made}.before`).catch(unlessMissing);
    await rm(`${made}.before`, { recursive: true, force: true });
    try {
      return await rename(made, out);
    } catch (error) {
      // another one was put there meanwhile
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    }
  }
}

function unlessMissing(error) {
  if (error.code !== 'ENOENT') throw error;
}
