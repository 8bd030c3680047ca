/** Removes envelopes that a crash left in the vault: whole files that came in before anything of them was received. */
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Sql } from '../store/driver.ts';
import type { VaultFolder } from '../vault/vault-folder.ts';
import type { World } from '../world.ts';
import type { Submission } from './submission.ts';

/** How old a file must be that nobody names: between its last byte and its intake row another process needs seconds. */
export const LEFT_ENVELOPE_AGE_MS = 3_600_000;

/**
 * Removes every file that is no bid's, waits in no undecided submission, and was last written so long ago; once, at start.
 *
 * Returns: how many.
 * Throws:  what the database and the file system say.
 * Why:     listed first and asked for afterwards, so that what becomes a bid meanwhile is seen. The platform gave no receipt for
 *          such a file, and its sender, who got no answer, lodges again.
 */
export async function removeLeftEnvelopes(deps: {
  readonly sql: Sql;
  readonly world: Pick<World, 'now'>;
  readonly envelopes: Pick<VaultFolder, 'list' | 'writtenAt' | 'discard'>;
}): Promise<number> {
  const { sql, world, envelopes } = deps;
  const names = await envelopes.list();
  if (names.length === 0) return 0;
  const named = new Set([...(await filesOfBids(sql)), ...(await filesThatWait(sql))]);
  let removed = 0;
  for (const name of names) {
    if (named.has(name)) continue;
    const writtenAt = await envelopes.writtenAt(name);
    if (writtenAt === null || world.now() - writtenAt < LEFT_ENVELOPE_AGE_MS) continue;
    await envelopes.discard(name);
    removed += 1;
  }
  return removed;
}

async function filesOfBids(sql: Sql): Promise<string[]> {
  const rows = await sql<{ file: string }[]>`SELECT file FROM envelopes`;
  return rows.map(({ file }) => file);
}

/** Of what is received and not decided. Throws: for what cannot be read; then nothing is removed. */
async function filesThatWait(sql: Sql): Promise<string[]> {
  const rows = await sql<{ content: Uint8Array }[]>`SELECT content FROM intake WHERE NOT decided AND kind = 'LodgeBid'`;
  return rows.flatMap(({ content }) => {
    const { enclosure } = JSON.parse(fromUtf8(content)) as Submission;
    return enclosure?.kind === 'envelope' ? [enclosure.file] : [];
  });
}
