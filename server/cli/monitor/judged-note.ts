/** How much of a kept ledger was judged before, and what of it was refused: the next start need not prove the rest anew. */
import { join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { fromBase64, toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';

/** Raised whenever a release asks an entry something that an earlier one did not: then all is judged anew. */
const QUESTIONS = 1;
/** Refused entries that are remembered, and judged anew at each start; behind the next one all is. */
export const REFUSED_KEPT = 1_000;

const Note = Type.Object(
  {
    questions: Type.Literal(QUESTIONS),
    /** So many entries were judged, and their alarms kept. */
    size: Type.Integer({ minimum: 0 }),
    /** Of these very entries, base64. */
    root: Type.String(),
    refused: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: REFUSED_KEPT }),
  },
  { additionalProperties: false },
);

export type JudgedNote = {
  size(): number;
  /** Whether that entry held when it was judged. */
  held(seq: number): boolean;
  /** It was judged; its alarms are kept by now. */
  add(seq: number, holds: boolean): void;
  /** Holds the note against the entries that are kept: `rootAt` gives the root of a size, null where there are not so many. Another root, and nothing was judged. */
  match(rootAt: (size: number) => Uint8Array | null): void;
  /** Keeps what was added; durable when it returns. */
  save(rootAt: (size: number) => Uint8Array | null): Promise<void>;
};

/**
 * Opens `judged.json` of a folder.
 *
 * Why: it spares work and proves nothing. One that cannot be read, or is of other entries or an earlier release, is none, and all is judged anew.
 */
export async function openJudged(folder: string): Promise<JudgedNote> {
  const file = join(folder, 'judged.json');
  const stored = parsed(await readOrNull(file));
  let size = stored?.size ?? 0;
  let refused = new Set(stored?.refused);
  let isSaved = true;
  return {
    size: () => size,
    held: (seq) => seq < size && !refused.has(seq),
    add(seq, holds) {
      if (seq !== size || (!holds && refused.size >= REFUSED_KEPT)) return;
      size += 1;
      if (!holds) refused.add(seq);
      isSaved = false;
    },
    match(rootAt) {
      const root = rootAt(size);
      if (stored !== null && root !== null && sameBytes(root, stored.root)) return;
      size = 0;
      refused = new Set();
    },
    async save(rootAt) {
      const root = rootAt(size);
      if (isSaved || root === null) return;
      isSaved = true;
      await writeDurably(
        file,
        JSON.stringify({ questions: QUESTIONS, size, root: toBase64(root), refused: [...refused] }),
      );
    },
  };
}

function parsed(text: string | null): { size: number; root: Uint8Array; refused: readonly number[] } | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return Check(Note, value) ? { ...value, root: fromBase64(value.root) } : null;
  } catch (fault) {
    if (fault instanceof SyntaxError || fault instanceof LogFormatError) return null;
    throw fault;
  }
}
