/** What may pass by itself and is an alarm when it does not: each thing with how often in a row it was found, and since when by our own clock. */
import { join } from 'node:path';
import * as Type from 'typebox';
import { writeDurably } from '../person/person-folder.ts';
import { readKept } from './kept-file.ts';

/** Looks in a row, at least: whoever looks once a day is not told of one bad moment. */
export const PATIENCE_LOOKS = 3;
/** And so long: a platform that is restarted is away for a minute. */
export const PATIENCE_MS = 120_000;

const Things = Type.Record(
  Type.String(),
  Type.Object({ since: Type.Integer(), looks: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
);

export type Patience = {
  /** Found again. Returns: whether that is too often and too long by now. `ms` in the place of PATIENCE_MS. */
  isOver(thing: string, ms?: number): boolean;
  /** Found otherwise: it begins anew. */
  forget(thing: string): void;
  /** Since when, ms; null when it is not so. */
  since(thing: string): number | null;
  /** Keeps what has changed; durable when it returns. */
  save(): Promise<void>;
};

/** Opens the patience of a folder. Throws: KeptLedgerError kept_damaged. */
export async function openPatience(folder: string, now: () => number): Promise<Patience> {
  const file = join(folder, 'patience.json');
  const things = new Map(Object.entries((await readKept(folder, 'patience.json', Things)) ?? {}));
  let isSaved = true;
  /** An instant to come was kept while our clock was ahead: from then on nothing is known. */
  function standing(thing: string) {
    const found = things.get(thing);
    return found === undefined || found.since > now() ? null : found;
  }
  return {
    isOver(thing, ms = PATIENCE_MS) {
      const { since, looks } = standing(thing) ?? { since: now(), looks: 0 };
      things.set(thing, { since, looks: looks + 1 });
      isSaved = false;
      return looks + 1 >= PATIENCE_LOOKS && now() - since >= ms;
    },
    forget(thing) {
      if (things.delete(thing)) isSaved = false;
    },
    since: (thing) => standing(thing)?.since ?? null,
    async save() {
      if (isSaved) return;
      await writeDurably(file, JSON.stringify(Object.fromEntries(things)));
      isSaved = true;
    },
  };
}
