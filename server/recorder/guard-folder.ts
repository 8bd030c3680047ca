/** The folder in which a guard keeps its journals: who may open it, which journal counts, and what is left of terms that are over. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder, type Release } from '../folder-lock.ts';
import type { World } from '../world.ts';

/** How often a folder that another keeps is asked for again, ms. */
export const LOCK_RETRY_MS = 1_000;

/** By what right one of several processes on a database opens the guard: the term it leads in, and which database gave it. */
export type Office = { readonly term: number; readonly database: string };

/**
 * A journal by its name: `journal` of a process that is the only one, `journal.<term>.<database>` of a leader.
 *
 * Why: each term writes a file of its own. Whoever was stopped and comes back when his term is over writes into one that nobody
 *      reads any more, whatever he does.
 */
type Journal = Office & { readonly name: string };

const JOURNAL = /^journal(?:\.([1-9][0-9]{0,15})\.([0-9a-z-]+))?$/;
/** A journal that was being written anew; in its place only once it is whole. */
const PART = '.part';

/** Where the journal of that name is written before it takes its place. */
export function partOf(file: string): string {
  return `${file}${PART}`;
}

function termOf(name: string): number | null {
  const found = JOURNAL.exec(name);
  return found === null ? null : Number(found[1] ?? 0);
}

/** The journals of a guard's folder, the one that counts first. */
export async function listJournals(folder: string): Promise<Journal[]> {
  const names = await orNull(readdir(folder));
  const journals = (names ?? []).flatMap((name) => {
    const term = termOf(name);
    return term === null ? [] : [{ name, term, database: JOURNAL.exec(name)?.[2] ?? '' }];
  });
  return journals.sort((a, b) => b.term - a.term);
}

/**
 * Takes the folder as soon as whoever has it gives it back: a leader that hung, and whose term is over.
 *
 * Returns: what gives it back, or gives it up before it was had.
 */
export function lockFolderLater(folder: string, after: World['after']): Release {
  let held: Release | null = null;
  let isOver = false;
  let trying: Promise<void> = Promise.resolve();
  let cancel: () => void = () => undefined;

  async function attempt(): Promise<void> {
    try {
      held = await lockFolder(folder);
    } catch {
      // What keeps it from asking, as when no descriptor is free, may be over by the next time.
      held = null;
    }
    if (held === null && !isOver) next();
  }
  function next(): void {
    cancel = after(LOCK_RETRY_MS, () => {
      trying = attempt();
    });
  }
  next();
  return async () => {
    isOver = true;
    cancel();
    await trying;
    await held?.();
  };
}

/** Null for what is not there. */
export async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whether a guard has ever worked in this data folder. */
export async function hasGuard(dataFolder: string): Promise<boolean> {
  return (await listJournals(join(dataFolder, 'guard'))).length > 0;
}

/** The latest term that has a journal in this data folder; 0 when none has. */
export async function lastTerm(dataFolder: string): Promise<number> {
  return (await listJournals(join(dataFolder, 'guard')))[0]?.term ?? 0;
}

/** Removes the journals of terms that are over, whole or half written, once the new one is durable. */
export async function removeEarlier(folder: string, term: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const written = termOf(name.endsWith(PART) ? name.slice(0, -PART.length) : name);
    if (written !== null && written < term) await rm(join(folder, name), { force: true });
  }
}
