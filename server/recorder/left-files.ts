/** Removes what a crash left in the vault: whole files under names that nothing mentions, envelopes and opened documents alike. */
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { readDisclosure } from '../core/log/disclosure.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import type { Sql } from '../store/driver.ts';
import { uploadsUnderWay } from '../store/uploads.ts';
import type { VaultFolder } from '../vault/vault-folder.ts';
import type { World } from '../world.ts';
import type { Submission } from './submission.ts';

/** How old a file must be that nobody names: between its last byte and the row that names it another process needs seconds. */
export const LEFT_FILE_AGE_MS = 3_600_000;

type Folder = Pick<VaultFolder, 'list' | 'writtenAt' | 'discard'>;
type Deps = { readonly sql: Sql; readonly world: Pick<World, 'now'> };

/**
 * Removes every envelope that is no bid's, waits in no undecided submission, is no upload under way, and was last written so long ago; once, at start.
 *
 * Returns: how many.
 * Throws:  what the database and the file system say.
 * Why:     the platform gave no receipt for such a file, and its sender, who got no answer, lodges again.
 */
export function removeLeftEnvelopes({ envelopes, ...deps }: Deps & { readonly envelopes: Folder }): Promise<number> {
  return removeUnnamed(envelopes, deps, async (sql) => [
    ...(await filesOfBids(sql)),
    ...(await filesThatWait(sql)),
    ...(await uploadsUnderWay(sql)),
  ]);
}

/**
 * Removes the documents of opened bids that no hand-over names, and that were last written so long ago; once, at start.
 *
 * Returns: how many.
 * Throws:  LogFormatError, an Error for a manifest that is none, what the database and the file system say.
 * Why:     a hand-over that was cut off, or asked for a second time, brings all documents to disk anew under other names; what is
 *          decrypted must not lie about. What a hand-over of the log names stays as long as its manifest does.
 */
export function removeLeftDocuments({ documents, ...deps }: Deps & { readonly documents: Folder }): Promise<number> {
  return removeUnnamed(documents, deps, filesHandedOver);
}

/** Lists first and asks for names afterwards, so that what gets one meanwhile is seen. */
async function removeUnnamed(
  folder: Folder,
  { sql, world }: Deps,
  namesIn: (sql: Sql) => Promise<string[]>,
): Promise<number> {
  const names = await folder.list();
  if (names.length === 0) return 0;
  const named = new Set(await namesIn(sql));
  let removed = 0;
  for (const name of names) {
    if (named.has(name)) continue;
    const writtenAt = await folder.writtenAt(name);
    if (writtenAt === null || world.now() - writtenAt < LEFT_FILE_AGE_MS) continue;
    await folder.discard(name);
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

const Manifest = Type.Object({ bids: Type.Array(Type.Object({ file: Type.String() })) });

/** Of every hand-over there was. */
async function filesHandedOver(sql: Sql): Promise<string[]> {
  const rows = await sql<{ origin: string; disclosure: string }[]>`
    SELECT origin, disclosure FROM disclosures WHERE field = 'manifest'`;
  return rows.flatMap(({ origin, disclosure }) => {
    const { value } = readDisclosure(disclosure);
    if (!Check(Manifest, value)) throw new Error(`${origin} handed over by a manifest that is none`);
    return value.bids.map(({ file }) => file);
  });
}
