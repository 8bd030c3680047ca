/** Heads that were reported and wait to be compared: each with its note, so many and no more, kept across stops. */
import { join } from 'node:path';
import * as Type from 'typebox';
import { sameBytes } from '../../core/log/bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/log/checkpoint.ts';
import { parseNote } from '../../core/log/note.ts';
import { writeDurably } from '../person/person-folder.ts';
import { readKept } from './kept-file.ts';
import type { SeenHead } from './replay-opening.ts';

/** Heads of one log: more than a hall can be shown between two looks. Everybody is shown signed heads, so anybody can report as many as there are. */
export const WAITING_OF_A_LOG = 4_096;
/** Logs with heads that wait. */
export const WAITING_LOGS = 1_024;
/** What their notes may be long altogether. */
export const WAITING_BYTES = 16 * 2 ** 20;

export type WaitingHead = SeenHead & Checkpoint & { readonly text: string };

export type WaitingHeads = {
  /** Of one log, in the order in which they came. The list stays as it is when others come. */
  of(origin: string): readonly WaitingHead[];
  origins(): readonly string[];
  /** Returns: whether it waits now; false when there is no room. */
  add(checkpoint: Checkpoint, note: string): boolean;
  /** Takes out these, and none that came meanwhile. */
  remove(heads: readonly WaitingHead[]): void;
  save(): Promise<void>;
};

/** Opens `reported.json` of a folder. Throws: KeptLedgerError kept_damaged. */
export async function openWaiting(folder: string): Promise<WaitingHeads> {
  const file = join(folder, 'reported.json');
  const stored = (await readKept(folder, 'reported.json', Type.Array(Type.String()))) ?? [];
  const waiting = new Map<string, readonly WaitingHead[]>();
  const of = (origin: string): readonly WaitingHead[] => waiting.get(origin) ?? [];
  let bytes = 0;
  let isSaved = true;

  function add(checkpoint: Checkpoint, text: string): boolean {
    const { origin, size, root } = checkpoint;
    const own = of(origin);
    if (own.some((one) => one.size === size && sameBytes(one.root, root))) return true;
    if (own.length >= WAITING_OF_A_LOG || (own.length === 0 && waiting.size >= WAITING_LOGS)) return false;
    if (bytes + text.length > WAITING_BYTES) return false;
    waiting.set(origin, [...own, { ...checkpoint, text, note: async () => text }]);
    bytes += text.length;
    isSaved = false;
    return true;
  }

  for (const text of stored) add(parseCheckpoint(parseNote(text).text), text);
  isSaved = true;

  return {
    of,
    origins: () => [...waiting.keys()],
    add,
    remove(heads) {
      const gone = new Set(heads);
      for (const origin of new Set(heads.map((head) => head.origin))) {
        const left = of(origin).filter((one) => !gone.has(one));
        for (const one of of(origin)) if (gone.has(one)) bytes -= one.text.length;
        if (left.length === 0) waiting.delete(origin);
        else waiting.set(origin, left);
        isSaved = false;
      }
    },
    async save() {
      if (isSaved) return;
      isSaved = true;
      const texts = [...waiting.values()].flatMap((heads) => heads.map(({ text }) => text));
      await writeDurably(file, JSON.stringify(texts));
    },
  };
}
