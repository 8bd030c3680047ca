/** A monitor's own copy of a ledger: every entry it was ever shown, kept as evidence and to go on from after a stop. */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import * as Type from 'typebox';
import { fromBase64, toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { openCheckpoint } from '../../core/log/checkpoint.ts';
import { LogFormatError } from '../../core/log/error.ts';
import {
  appendLeaves,
  type CompactRange,
  EMPTY_RANGE,
  leafHash,
  rangeRoot,
  verifyConsistency,
} from '../../core/log/merkle.ts';
import { ed25519Verifier, type NoteVerifier } from '../../core/log/note.ts';
import { verifyEd25519 } from '../../ed25519.ts';
import { lockFolder, type Release } from '../../folder-lock.ts';
import { sha256 } from '../../hash.ts';
import { keyOf } from '../../verify/anchoring.ts';
import { keepRoots, type Roots } from '../../verify/roots.ts';
import { writeDurably } from '../person/person-folder.ts';
import { openJudged } from './judged-note.ts';
import { KeptLedgerError, readKept } from './kept-file.ts';

const State = Type.Object(
  {
    v: Type.Literal(1),
    vkey: Type.String(),
    size: Type.Integer({ minimum: 0 }),
    /** How much of `entries` belongs to it. */
    bytes: Type.Integer({ minimum: 0 }),
    note: Type.String(),
    /** Where the note signs more than is kept: the consistency proof from what is kept to what it signs, base64. */
    proof: Type.Optional(Type.Array(Type.String())),
  },
  { additionalProperties: false },
);
type State = Type.Static<typeof State>;

/** Written and read at a time. */
const BLOCK_BYTES = 2 ** 20;
/** Between two of so many entries others have their turn, and it can be stopped: a reveal takes some 15 ms to judge. */
const TURN_ENTRIES = 32;
/** How often what was judged is kept on the way. */
const JUDGED_ENTRIES = 4_096;

export type KeptLedger = {
  size(): number;
  /** The newest checkpoint that was believed, word for word; null at first. It may sign more than is kept so far. */
  note(): string | null;
  /** The key that signed it; null at first. */
  vkey(): string | null;
  readonly roots: Roots;
  /** Begins to write behind what is kept; it counts once it is kept. One at a time. */
  grow(): Growth;
  /** The exact bytes of one entry. Asserts: it is kept. */
  entry(seq: number): Promise<Uint8Array>;
  close(): Promise<void>;
};

/** Entries behind those that are kept, on their way. */
export type Growth = {
  add(entry: Uint8Array): Promise<void>;
  range(): CompactRange;
  /** Bytes added. */
  bytes(): number;
  /**
   * Keeps them under a note of their size, or of a larger one with the proof from theirs to it, and the key that signed it; durable when it returns, and
   * every entry has been judged. Throws: MonitorStopped when it was stopped meanwhile: they are kept, and the rest is judged at the next start.
   */
  keep(head: { readonly note: string; readonly vkey: string; readonly proof: readonly Uint8Array[] }): Promise<void>;
  /** Leaves them out, unless they are kept. */
  drop(): Promise<void>;
};

/**
 * Keeps other monitors out of a folder, which is made when it is not there.
 *
 * Throws: KeptLedgerError kept_in_use.
 */
export async function lockKept(folder: string): Promise<Release> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const release = await lockFolder(folder);
  if (release === null) throw new KeptLedgerError('kept_in_use', `another monitor keeps ${folder}`);
  return release;
}

export type LedgerKey = {
  readonly vkey: string;
  readonly verifier: NoteVerifier;
  /** Whether the entries that were handed over so far list it among the ledger's keys. */
  readonly isListed: () => boolean;
};

export type EntryJudge = {
  /** Takes the next entry; `isProven`: it held when it was judged before. Returns: whether it holds. */
  take(bytes: Uint8Array, isProven: boolean): Promise<boolean>;
  /** Ends the judging of however many entries. */
  readonly signal?: AbortSignal | undefined;
};

/** It was told to stop while it judged; the next start goes on there. */
export class MonitorStopped extends Error {
  override readonly name = 'MonitorStopped';
}

/**
 * Opens the copy in a folder that is locked, handing every kept entry to the judge in order.
 *
 * Shape:  `entries` holds each entry behind its length in four bytes; `ledger.json` says how much of it counts, and is replaced
 *         at once: what a crash wrote behind that is cut off.
 *         One that was kept under another key of that ledger is gone on from, when its entries list the key that is trusted now.
 *         `judged.json` says how far it was judged: these very entries need not be proven again.
 * Throws: KeptLedgerError, MonitorStopped.
 */
export async function openKeptLedger(
  folder: string,
  { vkey, verifier, isListed }: LedgerKey,
  { take, signal }: EntryJudge,
): Promise<KeptLedger> {
  const stateFile = join(folder, 'ledger.json');
  let state: State | null = await readKept(folder, 'ledger.json', State);
  const other = (): KeptLedgerError => new KeptLedgerError('kept_of_other_ledger', folder);
  const isFollowed = state !== null && state.vkey !== vkey;
  const keptBy = state !== null && isFollowed ? verifierOf(state.vkey) : verifier;
  if (keptBy?.name !== verifier.name) throw other();
  const roots = keepRoots(sha256);
  const file = await open(join(folder, 'entries'), 'a+', 0o600);
  const judged = await openJudged(folder);
  /** Reads back what counts from that byte on: what is judged is what is kept. */
  async function absorb(from: number, to: number): Promise<void> {
    let seq = roots.range().size;
    try {
      for await (const bytes of readEntries(file, from, to)) {
        if (seq % TURN_ENTRIES === 0) await new Promise((turn) => setImmediate(turn));
        if (signal?.aborted === true) throw new MonitorStopped();
        if (seq % JUDGED_ENTRIES === 0) await judged.save(roots.at);
        roots.add(leafHash(sha256, bytes));
        judged.add(seq, await take(bytes, judged.held(seq)));
        seq += 1;
      }
    } finally {
      await judged.save(roots.at);
    }
  }
  try {
    if (state === null) judged.match(() => null);
    else {
      // before anything in it is judged
      const { range, rootAt } = await rangeOf(file, state.bytes, judged.size(), signal);
      await checkKept(state, range, keptBy);
      judged.match(rootAt);
      await absorb(0, state.bytes);
      if (isFollowed && !isListed()) throw other();
    }
    await file.truncate(state?.bytes ?? 0);
  } catch (error) {
    await file.close();
    throw error;
  }

  function grow(): Growth {
    const start = state?.bytes ?? 0;
    let range = roots.range();
    let waiting: Uint8Array[] = [];
    let waitingBytes = 0;
    let added = 0;
    let isKept = false;
    async function flush(): Promise<void> {
      await file.appendFile(Buffer.concat(waiting));
      waiting = [];
      waitingBytes = 0;
    }
    return {
      range: () => range,
      bytes: () => added,
      async add(entry) {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(entry.length);
        waiting.push(length, entry);
        waitingBytes += 4 + entry.length;
        added += 4 + entry.length;
        range = appendLeaves(sha256, range, [leafHash(sha256, entry)]);
        if (waitingBytes >= BLOCK_BYTES) await flush();
      },
      async keep({ note, vkey, proof }) {
        await flush();
        await file.sync();
        const shown = proof.length === 0 ? {} : { proof: proof.map(toBase64) };
        const next: State = { v: 1, vkey, size: range.size, bytes: start + added, note, ...shown };
        await writeDurably(stateFile, JSON.stringify(next));
        state = next;
        isKept = true;
        await absorb(start, next.bytes);
      },
      async drop() {
        // what the state counts stays, whatever failed behind it
        if (isKept) return;
        waiting = [];
        await file.truncate(start);
      },
    };
  }

  return {
    size: () => roots.range().size,
    note: () => state?.note ?? null,
    vkey: () => state?.vkey ?? null,
    roots,
    grow,
    async entry(seq) {
      let at = 0;
      for await (const bytes of readEntries(file, 0, state?.bytes ?? 0)) if (at++ === seq) return bytes;
      throw new Error(`entry ${seq} is not kept`);
    },
    close: () => file.close(),
  };
}

/** The entries in these bytes of the file, a block at a time. Throws: KeptLedgerError kept_damaged. */
async function* readEntries(file: FileHandle, from: number, to: number): AsyncGenerator<Uint8Array> {
  let block = Buffer.alloc(0);
  let at = from;
  while (at < to || block.length > 0) {
    const length = block.length >= 4 ? block.readUInt32BE(0) : null;
    if (length !== null && block.length >= 4 + length) {
      yield new Uint8Array(block.subarray(4, 4 + length));
      block = block.subarray(4 + length);
      continue;
    }
    const more = Buffer.alloc(Math.min(BLOCK_BYTES, to - at));
    const { bytesRead } = await file.read(more, 0, more.length, at);
    if (bytesRead === 0) throw new KeptLedgerError('kept_damaged', 'entries are cut off');
    block = Buffer.concat([block, more.subarray(0, bytesRead)]);
    at += bytesRead;
  }
}

/** What the kept entries hash to, and the root of one size among them. */
async function rangeOf(file: FileHandle, to: number, size: number, signal?: AbortSignal) {
  let range = EMPTY_RANGE;
  let past = size === 0 ? EMPTY_RANGE : null;
  for await (const bytes of readEntries(file, 0, to)) {
    if (signal?.aborted === true) throw new MonitorStopped();
    range = appendLeaves(sha256, range, [leafHash(sha256, bytes)]);
    if (range.size === size) past = range;
  }
  return { range, rootAt: () => (past === null ? null : rangeRoot(sha256, past)) };
}

function verifierOf(vkey: string): NoteVerifier | null {
  const key = keyOf(sha256, vkey);
  return 'ok' in key ? null : ed25519Verifier(key, verifyEd25519);
}

/** The copy must be what its own checkpoint signs: somebody may have been at it. */
async function checkKept(
  { note, size, proof = [] }: State,
  range: CompactRange,
  verifier: NoteVerifier,
): Promise<void> {
  try {
    const { checkpoint } = await openCheckpoint(note, verifier);
    const hashes = proof.map(fromBase64);
    const own = { oldSize: range.size, oldRoot: rangeRoot(sha256, range), proof: hashes };
    const isWhole = checkpoint.size === size && sameBytes(own.oldRoot, checkpoint.root);
    if (range.size === size && (isWhole || verifyConsistency(sha256, { ...checkpoint, ...own }))) return;
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
  }
  throw new KeptLedgerError('kept_damaged', 'the entries are not what the kept checkpoint signs');
}
