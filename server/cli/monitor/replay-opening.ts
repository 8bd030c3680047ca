/** Reads one opening's log whole, replays it by its rules, and holds it against the heads that others were shown of it. */
import { toBase64 } from '../../core/log/base64.ts';
import { sameBytes } from '../../core/log/bytes.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/log/checkpoint.ts';
import { openDisclosures } from '../../core/log/disclosure.ts';
import { type Entry, parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { pastOf } from '../../core/log/fork-evidence.ts';
import { leafHash } from '../../core/log/merkle.ts';
import { parseNote } from '../../core/log/note.ts';
import { sha256 } from '../../hash.ts';
import { keyOf } from '../../verify/anchoring.ts';
import { keepRoots, type Roots } from '../../verify/roots.ts';
import { type LogSource, SourceError } from '../../verify/source.ts';
import { verifySource } from '../verify-log.ts';
import { type Alarm, alarm, refused } from './alarms.ts';
import { FACT_TYPES, learnFacts, NO_FACTS, type RegisterFacts } from './register-facts.ts';

/** A head of the opening that stands in the ledger, or that somebody was shown. */
export type SeenHead = { readonly size: number; readonly root: Uint8Array; note(): Promise<string> };

export type KnownOpening = {
  /** Of the key that signs its heads, base64. */
  readonly publicKey: string;
  readonly isClosed: boolean;
  /** As the ledger has them, in order. */
  readonly heads: readonly SeenHead[];
  /** Those that held when it was read before. */
  readonly seen: readonly SeenHead[];
  readonly reported: readonly SeenHead[];
};

export type Replay =
  /** Nothing can be said of it: not served, not whole, not in time. */
  | { readonly isRead: false; readonly why: string }
  | {
      readonly isRead: true;
      readonly found: readonly Alarm[];
      /** The head it was shown with. */
      readonly note: string;
      /** Entries that were read and hold; null when the log was refused. */
      readonly size: number | null;
      /** Null when the log was refused. */
      readonly facts: RegisterFacts | null;
    };

/** What ends the reading without saying anything against the log: a proxy may answer with a page of its own, or with half of a file. */
const UNREAD: readonly string[] = [
  'source_unreadable',
  'file_missing',
  'file_malformed',
  'checkpoint_malformed',
  'vkey_malformed',
];

/** Replays the opening of that origin from its source. */
export async function replayOpening(source: LogSource, origin: string, known: KnownOpening): Promise<Replay> {
  try {
    return await replay(source, origin, known);
  } catch (error) {
    if (error instanceof SourceError || error instanceof LogFormatError) return { isRead: false, why: error.message };
    throw error;
  }
}

async function replay(source: LogSource, origin: string, known: KnownOpening): Promise<Replay> {
  const { publicKey, isClosed, heads, seen, reported } = known;
  const eyes = watchReading(source);
  const judged = await verifySource(eyes.source, { requireAllDisclosures: false });
  if (!judged.ok && UNREAD.includes(judged.reason))
    return { isRead: false, why: `${judged.reason}: ${judged.detail ?? ''}` };
  const note = await eyes.source.checkpoint();
  const found: Alarm[] = judged.ok ? [] : [{ ...refused(origin, judged), evidence: [note] }];
  // A refusal ends the reading; whether it is the log that others were shown is asked of all of it.
  const roots = judged.ok ? eyes.roots : await rootsOf(source, note);
  for (const among of [[...heads, ...seen], reported]) {
    const foreign = among.find(({ size, root }) => {
      const own = roots.at(size);
      return own !== null && !sameBytes(own, root);
    });
    if (foreign === undefined) continue;
    const evidence = [note, await foreign.note(), ...pastUnder(note, foreign.size, roots)];
    found.push(alarm('opening_forked', origin, `at ${foreign.size} entries`, evidence));
  }
  if (!judged.ok) return { isRead: true, found, note, size: null, facts: null };
  const key = keyOf(sha256, await eyes.source.vkey());
  if ('ok' in key || toBase64(key.publicKey) !== publicKey) found.push(alarm('opening_key_differs', origin));
  // where only the newest head is late the ledger says nothing of the end yet
  const anchored = heads.at(-1)?.size ?? 0;
  const isComplete = judged.standing === 'valid, complete';
  const isDiffering = isClosed ? judged.entries >= anchored && !isComplete : anchored >= judged.entries && isComplete;
  if (isDiffering) found.push(alarm('opening_end_differs', origin, undefined, [note]));
  return { isRead: true, found, note, size: judged.entries, facts: await eyes.facts() };
}

/** The past of the log under the note at that size; none where it is as large, or the entries are not what the note signs. */
function pastUnder(note: string, size: number, roots: Roots): string[] {
  const checkpoint = checkpointOf(note);
  const [whole, past] = [checkpoint && roots.at(checkpoint.size), roots.at(size)];
  if (checkpoint === null || whole === null || past === null || size >= checkpoint.size) return [];
  return sameBytes(whole, checkpoint.root) ? [pastOf(size, past, roots.proof(size, checkpoint.size))] : [];
}

function checkpointOf(note: string): Checkpoint | null {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** The roots of whatever entries a source gives under that note, as far as it does. */
async function rootsOf(source: LogSource, note: string): Promise<Roots> {
  const roots = keepRoots(sha256);
  try {
    const size = checkpointOf(note)?.size ?? 0;
    for await (const bytes of source.entries(size)) roots.add(leafHash(sha256, bytes));
  } catch (fault) {
    if (!(fault instanceof SourceError) && !(fault instanceof LogFormatError)) throw fault;
  }
  return roots;
}

/** The source, seen while a verifier reads it: key and checkpoint once, the root of every size, and what is said of the register. */
function watchReading(source: LogSource) {
  const roots = keepRoots(sha256);
  const telling: Uint8Array[] = [];
  let vkey: Promise<string> | null = null;
  let checkpoint: Promise<string> | null = null;
  const watched: LogSource = {
    ...source,
    vkey: () => {
      vkey ??= source.vkey();
      return vkey;
    },
    checkpoint: () => {
      checkpoint ??= source.checkpoint();
      return checkpoint;
    },
    async *entries(size, from) {
      for await (const bytes of source.entries(size, from)) {
        roots.add(leafHash(sha256, bytes));
        if (isTelling(bytes)) telling.push(bytes);
        yield bytes;
      }
    },
  };
  return {
    source: watched,
    roots,
    /** Of a log that was found to hold. Throws: SourceError. */
    async facts(): Promise<RegisterFacts> {
      let facts = NO_FACTS;
      for (const bytes of telling) {
        const entry = parseEntry(bytes);
        facts = learnFacts(facts, entry, valuesOf(entry, await source.disclosuresFor(entry.seq)));
      }
      return facts;
    },
  };
}

/** Found before it is parsed: of ten thousand entries six say anything. */
function isTelling(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return TELLING.some((type) => text.includes(type));
}
const TELLING = [...FACT_TYPES].map((type) => `"type":"${type}"`);

function valuesOf(entry: Entry, texts: readonly string[]): Record<string, unknown> {
  const opened = openDisclosures(sha256, entry.commit, texts);
  const values: Record<string, unknown> = {};
  if (opened.ok)
    for (const [field, knowable] of Object.entries(opened.fields)) if (knowable.known) values[field] = knowable.value;
  return values;
}
