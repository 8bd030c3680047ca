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
type Deps = {
  readonly sql: Sql;
  readonly world: Pick<World, 'now'>;
  /** Nothing more is removed once this is aborted. */
  readonly signal?: AbortSignal;
};

/** The sweep of both folders, while the process goes about its work. */
export type LeftFilesSweep = {
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Ends it; resolves when nothing more is removed. */
  stop(): Promise<void>;
};

/**
 * Begins to remove what a crash left of envelopes and of opened documents.
 *
 * Shape: `onRemoved` is told how many, when there were any; `onFault` why it could not go on. Either ends it.
 * Why:   nobody waits for it. A folder of many thousand files takes a while, and meanwhile there must be a leader.
 */
export function sweepLeftFiles(
  deps: Omit<Deps, 'signal'> & {
    readonly envelopes: Folder;
    readonly documents: Folder;
    onRemoved(removed: { readonly envelopes: number; readonly documents: number }): void;
    onFault(error: unknown): void;
  },
): LeftFilesSweep {
  const stopping = new AbortController();
  const { signal } = stopping;
  async function sweep(): Promise<void> {
    const envelopes = await removeLeftEnvelopes({ ...deps, signal });
    const documents = await removeLeftDocuments({ ...deps, signal });
    if (envelopes + documents > 0) deps.onRemoved({ envelopes, documents });
  }
  const ended = sweep().catch(deps.onFault);
  return {
    ended,
    stop() {
      stopping.abort();
      return ended;
    },
  };
}

/**
 * Removes every envelope that is no bid's, waits in no undecided submission, is no upload under way, and was last written so long ago; once, at start.
 *
 * Returns: how many.
 * Throws:  what the database and the file system say.
 * Why:     the platform gave no receipt for such a file, and its sender, who got no answer, lodges again.
 */
export function removeLeftEnvelopes({ envelopes, ...deps }: Deps & { readonly envelopes: Folder }): Promise<number> {
  // In the order in which a file gets its names: what goes on from one to the next in between is found under the next.
  return removeUnnamed(envelopes, deps, async (sql) => [
    ...(await uploadsUnderWay(sql)),
    ...(await filesThatWait(sql)),
    ...(await filesOfBids(sql)),
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

/**
 * Lists first and asks for names afterwards, so that what gets one meanwhile is seen.
 *
 * Why: how old is old is said before both. A process that hangs behind them and comes to itself hours later would else take what
 *      was new, and has a name by then, for old and nameless.
 */
async function removeUnnamed(
  folder: Folder,
  { sql, world, signal }: Deps,
  namesIn: (sql: Sql) => Promise<string[]>,
): Promise<number> {
  const before = world.now() - LEFT_FILE_AGE_MS;
  const names = await folder.list();
  if (names.length === 0) return 0;
  const named = new Set(await namesIn(sql));
  let removed = 0;
  for (const name of names) {
    if (signal?.aborted === true) break;
    if (named.has(name)) continue;
    const writtenAt = await folder.writtenAt(name);
    if (writtenAt === null || writtenAt > before) continue;
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
