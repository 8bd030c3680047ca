/** The guard's journal as text: one checked line for each write, and what all of them together say of each log. */
import { createHash } from 'node:crypto';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import { sameBytes } from '../core/log/bytes.ts';
import { HASH_BYTES } from '../core/log/hash.ts';
import { GuardFault } from './guard-faults.ts';

/** A head of a log as the guard keeps it. */
export type GuardedHead = { readonly size: number; readonly root: Uint8Array };

const HEADER = 'kaibiao guard journal v1\n';
const CHECK_CHARACTERS = 16;

/** What is written of a log: that a head is about to be signed, that it is let out, that none will be. */
export type Note =
  | readonly ['pending', string, number, string]
  | readonly ['released', string, number, string]
  | readonly ['dropped', string, number, string]
  /** All that was noted of it: as earlier versions wrote. */
  | readonly ['dropped', string];

/** What is known of one log: the head that was let out, and the signed ones that may or may not have been committed. */
export type Watched = { released: GuardedHead | null; readonly pending: Map<number, GuardedHead> };

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECK_CHARACTERS);
}

/** One write of the journal: all notes of one group under one check, so that a torn write is one bad line, the last. */
export function formatLine(notes: readonly Note[]): string {
  const text = JSON.stringify(notes);
  return `${checkOf(text)} ${text}\n`;
}

/** The notes of a line; undefined when it is not as it was written. */
function readLine(line: string): readonly Note[] | undefined {
  const text = line.slice(CHECK_CHARACTERS + 1);
  if (line[CHECK_CHARACTERS] !== ' ' || line.slice(0, CHECK_CHARACTERS) !== checkOf(text)) return undefined;
  // the check says that these are the bytes we wrote
  return JSON.parse(text) as readonly Note[];
}

function headOf(size: number, root: string): GuardedHead {
  const bytes = fromBase64(root);
  if (!Number.isSafeInteger(size) || size < 0 || bytes.length !== HASH_BYTES)
    throw new GuardFault('guard_corrupted', 'a note of the journal is no head');
  return { size, root: bytes };
}

/** Counts a note in. */
export function apply(watched: Map<string, Watched>, note: Note): void {
  const [what, origin] = note;
  const log = watched.get(origin) ?? { released: null, pending: new Map() };
  watched.set(origin, log);
  if (note.length === 2) {
    log.pending.clear();
    return;
  }
  const head = headOf(note[2], note[3]);
  if (what === 'dropped') {
    const noted = log.pending.get(head.size);
    if (noted !== undefined && sameBytes(noted.root, head.root)) log.pending.delete(head.size);
    return;
  }
  if (what === 'pending') {
    log.pending.set(head.size, head);
    return;
  }
  if (log.released !== null && head.size <= log.released.size) return;
  log.released = head;
  for (const size of log.pending.keys()) if (size <= head.size) log.pending.delete(size);
}

/**
 * What a journal says.
 *
 * Throws: GuardFault `guard_corrupted` when a line other than the last is not as it was written.
 * Why:    a crash can tear only the write that was under way, which is the last line; nobody was given a signature that waited
 *         for it. Anything else was changed afterwards.
 */
export function readJournal(bytes: Uint8Array): Map<string, Watched> {
  const watched = new Map<string, Watched>();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!text.startsWith(HEADER)) {
    if (HEADER.startsWith(text)) return watched;
    throw new GuardFault('guard_corrupted', 'this is no guard journal');
  }
  let at = HEADER.length;
  while (at < text.length) {
    const found = text.indexOf('\n', at);
    const end = found === -1 ? text.length : found;
    const notes = found === -1 ? undefined : readLine(text.slice(at, end));
    if (notes === undefined) {
      if (end + 1 < text.length) throw new GuardFault('guard_corrupted', `the line at character ${at} was changed`);
      break;
    }
    for (const note of notes) apply(watched, note);
    at = end + 1;
  }
  return watched;
}

/** The shortest journal that says the same. */
export function formatJournal(watched: ReadonlyMap<string, Watched>): string {
  const lines = [HEADER];
  for (const [origin, { released, pending }] of watched) {
    const notes: Note[] = [];
    if (released !== null) notes.push(['released', origin, released.size, toBase64(released.root)]);
    for (const { size, root } of pending.values()) notes.push(['pending', origin, size, toBase64(root)]);
    if (notes.length > 0) lines.push(formatLine(notes));
  }
  return lines.join('');
}
