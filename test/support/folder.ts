/** A folder for a test, below one that PostgreSQL's own user may enter; it goes with the test. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Returns: the path of a folder that is not there yet. */
export async function newFolder(t: { teardown(act: () => Promise<void>): void }, name = 'data'): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'kaibiao-test-'));
  // mkdtemp closes it to others; then an embedded database would move to the open place, and stay there.
  await chmod(parent, 0o755);
  t.teardown(() => rm(parent, { recursive: true }));
  return join(parent, name);
}
