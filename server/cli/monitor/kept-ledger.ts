/** A monitor's own copy of a ledger: every entry it was ever shown, kept as evidence and to go on from after a stop. */
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { sameBytes } from '../../core/log/bytes.ts';
import { openCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { appendLeaves, type CompactRange, EMPTY_RANGE, leafHash, rangeRoot } from '../../core/log/merkle.ts';
import type { NoteVerifier } from '../../core/log/note.ts';
import { sha256 } from '../../hash.ts';
import { readOrNull, writeDurably } from '../person/person-folder.ts';
import { keepRoots, type Roots } from '../verify-opening.ts';

/** What is kept is not what was written, or belongs to another ledger. */
export class KeptLedgerError extends Error {
  readonly code: 'kept_of_other_ledger' | 'kept_damaged';
  constructor(code: KeptLedgerError['code'], detail: string) {
    super(`${code}: ${detail}`);
    this.name = 'KeptLedgerError';
    this.code = code;
  }
}

const State = Type.Object(
  {
    v: Type.Literal(1),
    vkey: Type.String(),
    size: Type.Integer({ minimum: 0 }),
    /** How much of `entries` belongs to it. */
    bytes: Type.Integer({ minimum: 0 }),
    note: Type.String(),
  },
  { additionalProperties: false },
);

export type KeptLedger = {
  size(): number;
  /** The newest checkpoint that was believed, word for word; null at first. */
  note(): string | null;
  readonly roots: Roots;
  /** What the root of a longer ledger is computed from. */
  range(): CompactRange;
  /** Keeps what follows; durable when it returns. */
  append(note: string, entries: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens the copy in a folder, handing every kept entry to `onEntry` in order.
 *
 * Shape:  `entries` holds each entry behind its length in four bytes; `ledger.json` says how much of it counts, and is replaced
 *         at once: what a crash wrote behind that is cut off.
 * Throws: KeptLedgerError.
 */
export async function openKeptLedger(
  folder: string,
  vkey: string,
  verifier: NoteVerifier,
  onEntry: (bytes: Uint8Array) => Promise<void>,
): Promise<KeptLedger> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stateFile = join(folder, 'ledger.json');
  const state = readState(await readOrNull(stateFile));
  if (state !== null && state.vkey !== vkey) throw new KeptLedgerError('kept_of_other_ledger', folder);
  const roots = keepRoots();
  let range = EMPTY_RANGE;
  const add = (bytes: Uint8Array): void => {
    const leaf = leafHash(sha256, bytes);
    roots.add(leaf);
    range = appendLeaves(sha256, range, [leaf]);
  };
  const file = await open(join(folder, 'entries'), 'a+', 0o600);
  let length = 0;
  let note = state?.note ?? null;
  try {
    if (state !== null) {
      for (const bytes of readEntries(await readFile(join(folder, 'entries')), state.bytes)) {
        add(bytes);
        await onEntry(bytes);
      }
      length = state.bytes;
      await checkKept(state, range, verifier);
    }
    await file.truncate(length);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    size: () => range.size,
    note: () => note,
    roots,
    range: () => range,
    async append(newNote, entries) {
      const written = await appendTo(file, entries);
      const next = { v: 1, vkey, size: range.size + entries.length, bytes: length + written, note: newNote } as const;
      await writeDurably(stateFile, JSON.stringify(next));
      for (const bytes of entries) add(bytes);
      length = next.bytes;
      note = newNote;
    },
    close: () => file.close(),
  };
}

function readState(text: string | null): Type.Static<typeof State> | null {
  if (text === null) return null;
  const state: unknown = JSON.parse(text);
  if (!Check(State, state)) throw new KeptLedgerError('kept_damaged', 'ledger.json');
  return state;
}

function* readEntries(kept: Buffer, end: number): Generator<Uint8Array> {
  if (kept.length < end) throw new KeptLedgerError('kept_damaged', 'entries are cut off');
  for (let at = 0; at < end; ) {
    const length = at + 4 <= end ? kept.readUInt32BE(at) : end;
    if (at + 4 + length > end) throw new KeptLedgerError('kept_damaged', 'an entry is cut off');
    yield new Uint8Array(kept.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
}

/** The copy must be what its own checkpoint signs: somebody may have been at it. */
async function checkKept(
  { note, size }: Type.Static<typeof State>,
  range: CompactRange,
  verifier: NoteVerifier,
): Promise<void> {
  try {
    const { checkpoint } = await openCheckpoint(note, verifier);
    if (range.size === size && checkpoint.size === size && sameBytes(rangeRoot(sha256, range), checkpoint.root)) return;
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
  }
  throw new KeptLedgerError('kept_damaged', 'the entries are not what the kept checkpoint signs');
}

/** Returns: how many bytes. */
async function appendTo(file: FileHandle, entries: readonly Uint8Array[]): Promise<number> {
  const parts = entries.flatMap((bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  const block = Buffer.concat(parts);
  await file.appendFile(block);
  await file.sync();
  return block.length;
}
