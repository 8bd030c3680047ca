/** The folder in which a guard keeps its journals: who may open it, which journal counts, and what is left of terms that are over. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder, type Release } from '../folder-lock.ts';
import type { World } from '../world.ts';
import { GuardFault } from './guard-faults.ts';

/** How often a folder that another keeps is asked for again, ms. */
export const LOCK_RETRY_MS = 1_000;

/** The largest term: far below 2^53, so that one more can always be counted and written. */
export const TERM_LIMIT = 2 ** 52;
/**
 * How far a term may lie behind the last one that was served here.
 *
 * Why: each election counts one, also one that leads to nothing. A greater step was never counted: somebody wrote it, and once it
 *      is durable here no honest term follows. A thief's terms up to the limit take him thousands of millions of journals.
 */
export const TERM_STEP_LIMIT = 1_000_000;

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
/** The folder of the guard in a data folder. */
export function guardOf(dataFolder: string): string {
  return join(dataFolder, 'guard');
}

/** What begins so belongs to a guard. */
const PREFIX = 'journal';
/** A journal that was being written anew; in its place only once it is whole. */
const PART = '.part';

/** Where the journal of that name is written before it takes its place. */
export function partOf(file: string): string {
  return `${file}${PART}`;
}

export function nameOf(office: Office | null): string {
  return office === null ? PREFIX : `${PREFIX}.${office.term}.${office.database}`;
}

/** The journal of that name; null when it is none. */
function journalOf(name: string): Journal | null {
  const found = JOURNAL.exec(name);
  const term = Number(found?.[1] ?? 0);
  return found === null || term > TERM_LIMIT ? null : { name, term, database: found[2] ?? '' };
}

/** The name without what says that it is half written; of `journal.5.part` that is all of it, for a database may be called so. */
function wholeOf(name: string): string {
  return journalOf(name) === null && name.endsWith(PART) ? name.slice(0, -PART.length) : name;
}

/**
 * The journals of a guard's folder, the one that counts first.
 *
 * Throws: GuardFault `guard_corrupted` for a name that begins as a journal’s and is none.
 * Why:    what was let out may stand in it: to pass over it would be to forget that.
 */
export async function listJournals(folder: string): Promise<Journal[]> {
  const journals: Journal[] = [];
  for (const name of (await orNull(readdir(folder))) ?? []) {
    if (!name.startsWith(PREFIX)) continue;
    if (journalOf(wholeOf(name)) === null)
      throw new GuardFault('guard_corrupted', `${join(folder, name)} is no journal of a guard`);
    const journal = journalOf(name);
    if (journal !== null) journals.push(journal);
  }
  return journals.sort((a, b) => b.term - a.term);
}

/**
 * Whether the guard may be opened for a term, `last` being the newest journal.
 *
 * Throws: GuardFault `guard_in_use` for a term that is over; `term_refused` for one that no election can have counted to, or whose
 *         journal would not be found again.
 */
export function checkOffice(office: Office, last: Journal | undefined): void {
  const { term } = office;
  const lastTerm = last?.term ?? 0;
  if (term <= lastTerm) throw new GuardFault('guard_in_use', `term ${term} is over`);
  if (term - lastTerm > TERM_STEP_LIMIT)
    throw new GuardFault(
      'term_refused',
      `term ${term}: the last one here was ${lastTerm}; set leadership.term in the database back to that if somebody changed it`,
    );
  const journal = journalOf(nameOf(office));
  if (journal?.term !== term || journal.database !== office.database)
    throw new GuardFault('term_refused', `term ${term} of ${office.database} gives no name of a journal`);
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

/** Whether a guard has ever worked in this data folder. Throws: GuardFault guard_corrupted. */
export async function hasGuard(dataFolder: string): Promise<boolean> {
  return (await listJournals(guardOf(dataFolder))).length > 0;
}

/** The latest term that has a journal in this data folder; 0 when none has. Throws: GuardFault guard_corrupted. */
export async function lastTerm(dataFolder: string): Promise<number> {
  return (await listJournals(guardOf(dataFolder)))[0]?.term ?? 0;
}

/**
 * Removes the journals of terms that are over, whole or half written, once the new one is durable.
 *
 * Throws: GuardFault `guard_in_use` when the new one is not the one that counts: then nothing is removed.
 */
export async function removeEarlier(folder: string, office: Office): Promise<void> {
  const [newest] = await listJournals(folder);
  if (newest?.name !== nameOf(office))
    throw new GuardFault('guard_in_use', `the journal of term ${office.term} is not the last one in ${folder}`);
  for (const name of await readdir(folder)) {
    const written = journalOf(wholeOf(name));
    if (written !== null && written.term < office.term) await rm(join(folder, name), { force: true });
  }
}
