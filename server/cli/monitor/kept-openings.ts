/** What a monitor remembers of each opening from one look to the next: how far it was held against the ledger, and the heads it was itself shown. */
import { join } from 'node:path';
import * as Type from 'typebox';
import { parseCheckpoint } from '../../core/log/checkpoint.ts';
import { parseNote } from '../../core/log/note.ts';
import { writeDurably } from '../person/person-folder.ts';
import { readKept } from './kept-file.ts';
import { RegisterFacts } from './register-facts.ts';
import type { SeenHead } from './replay-opening.ts';

const Looked = Type.Object(
  {
    /** Heads of the ledger that it was held against. */
    heads: Type.Integer({ minimum: 0 }),
    /** By our own clock, ms. */
    at: Type.Integer(),
    facts: Type.Union([RegisterFacts, Type.Null()]),
    /** The head of the longest log of it that was read and in which nothing was found, word for word. */
    shown: Type.Optional(Type.String()),
    /** The largest reported head that was on that log. */
    reported: Type.Optional(Type.String()),
    /** The first size it was shown with that the ledger has no head for yet. */
    ahead: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
);
export type Looked = Type.Static<typeof Looked>;
const Kept = Type.Record(Type.String(), Looked);

export type KeptOpenings = {
  of(origin: string): Looked | undefined;
  keep(origin: string, looked: Looked): void;
  /** The heads of it that we were shown, or others, and that held: whatever is shown later must fit them. */
  seenOf(origin: string): readonly SeenHead[];
  save(): Promise<void>;
};

/** Opens `openings.json` of a folder. Throws: KeptLedgerError kept_damaged. */
export async function openKeptOpenings(folder: string): Promise<KeptOpenings> {
  const file = join(folder, 'openings.json');
  const stored = (await readKept(folder, 'openings.json', Kept)) ?? {};
  const openings = new Map<string, Looked>(Object.entries(stored));
  let isSaved = true;
  return {
    of: (origin) => openings.get(origin),
    keep(origin, looked) {
      openings.set(origin, looked);
      isSaved = false;
    },
    seenOf(origin) {
      const { shown, reported } = openings.get(origin) ?? {};
      return [shown, reported].filter((note) => note !== undefined).map(seenHead);
    },
    async save() {
      if (isSaved) return;
      isSaved = true;
      await writeDurably(file, JSON.stringify(Object.fromEntries(openings)));
    },
  };
}

/** A head of which the note itself is at hand. Throws: LogFormatError when it is no checkpoint. */
export function seenHead(note: string): SeenHead {
  const { size, root } = parseCheckpoint(parseNote(note).text);
  return { size, root, note: async () => note };
}

/** The note that signs more; the first where they sign as much. */
export function largerOf(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return seenHead(other).size > seenHead(one).size ? other : one;
}
