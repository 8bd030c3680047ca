/** A page's own copy of an opening's log: every frame is checked to the root before it is folded, and nothing is after a refusal. */
import { fromBase64, toBase64 } from '../../server/core/log/base64.ts';
import { sameBytes } from '../../server/core/log/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { openDisclosures } from '../../server/core/log/disclosure.ts';
import { type Entry, parseEntry } from '../../server/core/log/entry.ts';
import { LogFormatError } from '../../server/core/log/error.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import { parseInstant } from '../../server/core/log/instant.ts';
import { appendLeaves, type CompactRange, EMPTY_RANGE, leafHash, rangeRoot } from '../../server/core/log/merkle.ts';
import { ed25519Verifier, type NoteVerifier, parseVkey, type VerifyEd25519 } from '../../server/core/log/note.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { CorruptLogError } from '../../server/core/opening/corrupt-log.ts';
import type { LoggedEvent } from '../../server/core/opening/events.ts';
import { begin, evolve, learn } from '../../server/core/opening/evolve.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import { readEvent } from '../../server/core/opening/read-event.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import type { Frame, Own } from '../../server/core/wire/down.ts';
import { isInForm } from './field-shapes.ts';
import type { Pin, PinBoard } from './pin.ts';
import { codeOfEntryFault, codeOfNoteFault, RefusedError, type ReplicaRefusal } from './refusals.ts';

/** How long a server may stay behind the head it signed before, ms: a second process may hear of an append a little later. */
export const BEHIND_LIMIT_MS = 10_000;

/** One entry as it is held: its exact text, what it says to this viewer, and the phase it left the opening in. */
export type HeldEntry = {
  readonly entry: Entry;
  readonly text: string;
  readonly event: LoggedEvent;
  readonly phase: Phase;
};

/**
 * How far the log may be believed. `size` counts entries, `root` is base64.
 *
 * `behind` is verified as well, but this browser has seen a longer log, of `seen` entries, and waits for the rest.
 */
export type Standing =
  | { readonly kind: 'empty' }
  | { readonly kind: 'verified'; readonly size: number; readonly root: string }
  | { readonly kind: 'behind'; readonly size: number; readonly root: string; readonly seen: number }
  | ReplicaRefusal;

export type ReplicaView = {
  readonly state: OpeningState | null;
  readonly entries: readonly HeldEntry[];
  readonly standing: Standing;
  /** The log's verifier key, once genesis gave it. */
  readonly vkey: string | null;
  /** Whether this browser keeps the head for the next visit; null before the first. */
  readonly isPinned: boolean | null;
  /** Signed heads that this browser was shown: the one it keeps, and the newest of this visit, believed or not; word for word. */
  readonly heads: readonly string[];
};

export type Replica = {
  view(): ReplicaView;
  /** Takes a frame after those before it; the view has changed when the promise is kept. Rejects only on faults of this page. */
  take(frame: Frame): Promise<void>;
  /** Takes the viewer's own disclosures of entries sent before. */
  takeOwn(own: Own): Promise<void>;
  /** The server says how long its log is; one that stays shorter than what it signed is refused. */
  hearSize(size: number): void;
  /** Lets every entry go, to be fetched again from the start; what was seen stays pinned. */
  restart(): Promise<void>;
  /** The last entry held, when everything taken has been worked through; −1 holds none. */
  resumeAfter(): Promise<number>;
};

export type ReplicaOptions = {
  readonly openingId: string;
  readonly sha256: Sha256;
  readonly verifyEd25519: VerifyEd25519;
  readonly pins: PinBoard;
  readonly after: (delayMs: number, alarm: () => void) => () => void;
  readonly onChange: (view: ReplicaView) => void;
};

/** An entry whose bytes hold and that waits for a signed root to cover it. */
type Staged = { readonly entry: Entry; readonly text: string; disclosed: Record<string, unknown> };

type Held = {
  readonly range: CompactRange;
  readonly entries: readonly HeldEntry[];
  readonly state: OpeningState | null;
  readonly key: { readonly vkey: string; readonly verifier: NoteVerifier } | null;
  /** Came with frames that end before their checkpoint does. */
  readonly staged: readonly Staged[];
  readonly lastAt: number;
  readonly lastReceivedAt: number;
};

const NOTHING: Held = {
  range: EMPTY_RANGE,
  entries: [],
  state: null,
  key: null,
  staged: [],
  lastAt: 0,
  lastReceivedAt: 0,
};

const refuse = (code: ConstructorParameters<typeof RefusedError>[0], seq: number | null, detail: string): never => {
  throw new RefusedError(code, seq, detail);
};

/**
 * The replica of one opening.
 *
 * Why: frames are worked through one after another, because a signature check may answer later; a frame that does not hold
 *      changes nothing but the standing.
 */
export function followOpening(options: ReplicaOptions): Replica {
  const { sha256, pins } = options;
  let held = NOTHING;
  let seen: Pin | null = pins.read();
  let isPinned: boolean | null = null;
  let shownHead: string | undefined;
  let refusal: ReplicaRefusal | null = null;
  let dropAlarm: (() => void) | null = null;
  let work: Promise<void> = Promise.resolve();
  let shown = viewOf();

  function viewOf(): ReplicaView {
    const { state, entries, key } = held;
    const heads = [seen?.note, shownHead].filter((note) => note !== undefined);
    return { state, entries, standing: standingOf(), vkey: key?.vkey ?? null, isPinned, heads: [...new Set(heads)] };
  }

  function standingOf(): Standing {
    if (refusal !== null) return refusal;
    const size = held.entries.length;
    if (size === 0) return { kind: 'empty' };
    // While entries are staged, the range is ahead of what is verified; the last root shown stays.
    const root = held.staged.length === 0 ? toBase64(rangeRoot(sha256, held.range)) : lastRoot();
    if (seen !== null && seen.size > size) return { kind: 'behind', size, root, seen: seen.size };
    return { kind: 'verified', size, root };
  }

  function lastRoot(): string {
    const { standing } = shown;
    return standing.kind === 'verified' || standing.kind === 'behind' ? standing.root : '';
  }

  function show(): void {
    shown = viewOf();
    options.onChange(shown);
  }

  /** Runs one step after those before it; a refusal becomes the standing, any other fault is the caller's. */
  function queue(step: () => Promise<void> | void): Promise<void> {
    const run = work.then(async () => {
      if (refusal !== null) return;
      try {
        await step();
      } catch (fault) {
        if (!(fault instanceof RefusedError)) throw fault;
        refusal = fault.refusal;
        forgetAlarm();
      }
      show();
    });
    // the queue goes on behind a fault; whoever called `take` is told of it
    work = run.then(
      () => undefined,
      () => undefined,
    );
    return run;
  }

  function forgetAlarm(): void {
    dropAlarm?.();
    dropAlarm = null;
  }

  /** The key of the log: genesis gives it, an earlier visit pins it. */
  function keyOf(text: string): NonNullable<Held['key']> {
    const entry = readEntry(text, 0);
    const event = fits(0, () => readEvent(entry, {}));
    if (event.type !== 'OpeningCreated') return refuse('event_does_not_fit', 0, 'a log begins with OpeningCreated');
    const { openingId, platform, vkey } = event.body;
    if (openingId !== options.openingId) return refuse('other_opening', 0, openingId);
    if (entry.log !== `${platform}/opening/${openingId}`) return refuse('entry_other_log', 0, entry.log);
    if (seen !== null && seen.vkey !== vkey) return refuse('key_changed', 0, vkey);
    try {
      const key = parseVkey(sha256, vkey);
      if (key.name !== entry.log) return refuse('vkey_malformed', 0, `the key is named ${key.name}`);
      return { vkey, verifier: ed25519Verifier(key, options.verifyEd25519) };
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
      return refuse(fault.code === 'vkey_weak' ? 'vkey_weak' : 'vkey_malformed', 0, fault.message);
    }
  }

  async function openHead(note: string, verifier: NoteVerifier): Promise<Checkpoint> {
    try {
      const { checkpoint } = await openCheckpoint(note, verifier);
      shownHead = note;
      return checkpoint;
    } catch (fault) {
      if (!(fault instanceof LogFormatError)) throw fault;
      return refuse(codeOfNoteFault(fault), null, fault.message);
    }
  }

  /** Grows the range by one leaf; where an earlier visit kept a head, the root must be the same. */
  function grow(range: CompactRange, bytes: Uint8Array): CompactRange {
    const grown = appendLeaves(sha256, range, [leafHash(sha256, bytes)]);
    if (seen?.size === grown.size && !sameBytes(rangeRoot(sha256, grown), fromBase64(seen.root)))
      refuse('head_forks', grown.size - 1, `another root of size ${grown.size} was seen before`);
    return grown;
  }

  async function takeFrame(frame: Frame): Promise<void> {
    const first = frame.entries[0];
    const key = held.key ?? (first === undefined ? null : keyOf(first));
    // a log without entries has nothing to show and no key to check by
    if (key === null) return;
    const head = await openHead(frame.checkpoint, key.verifier);

    let { range, lastAt, lastReceivedAt } = held;
    const staged = [...held.staged];
    for (const text of frame.entries) {
      const seq = range.size;
      const entry = readEntry(text, seq);
      if (entry.log !== key.verifier.name) refuse('entry_other_log', seq, entry.log);
      if (entry.seq !== seq) refuse('sequence_broken', seq, `expected ${seq}, got ${entry.seq}`);
      const at = parseInstant(entry.at);
      if (at < lastAt) refuse('time_went_back', seq, entry.at);
      lastAt = at;
      if (entry.receivedAt !== undefined) {
        const receivedAt = parseInstant(entry.receivedAt);
        if (receivedAt < lastReceivedAt) refuse('received_time_went_back', seq, entry.receivedAt);
        lastReceivedAt = receivedAt;
      }
      range = grow(range, utf8(text));
      staged.push({ entry, text, disclosed: {} });
    }
    if (head.size < range.size) {
      if (frame.entries.length === 0) refuse('log_rolled_back', null, `a head of ${head.size} after ${range.size}`);
      refuse('entries_beyond_checkpoint', head.size, `${range.size} entries, ${head.size} signed`);
    }
    const isCovered = head.size === range.size;
    if (isCovered && !sameBytes(rangeRoot(sha256, range), head.root))
      refuse(frame.entries.length === 0 ? 'head_forks' : 'root_differs', null, toBase64(head.root));

    const late = new Map<number, Record<string, unknown>>();
    for (const [name, texts] of Object.entries(frame.disclosures)) {
      const seq = Number(name);
      const waiting = staged[seq - held.entries.length];
      if (waiting !== undefined) waiting.disclosed = { ...waiting.disclosed, ...disclose(waiting.entry, texts) };
      else late.set(seq, disclose(heldEntry(seq).entry, texts));
    }

    const grown: Held = { ...held, range, key, staged: isCovered ? [] : staged, lastAt, lastReceivedAt };
    held = tell(isCovered ? fold(grown, staged) : grown, late);
    if (isCovered) keep(head, frame.checkpoint, key.vkey);
  }

  function heldEntry(seq: number): HeldEntry {
    return held.entries[seq] ?? refuse('disclosure_without_entry', seq, `${held.entries.length} entries are held`);
  }

  /** Opens the disclosures of one entry. */
  function disclose(entry: Entry, texts: readonly string[]): Record<string, unknown> {
    const opened = openDisclosures(sha256, entry.commit, texts);
    if (!opened.ok) return refuse(opened.reason, entry.seq, opened.detail);
    const disclosed: Record<string, unknown> = {};
    for (const [field, value] of Object.entries(opened.fields)) if (value.known) disclosed[field] = value.value;
    return disclosed;
  }

  /** Keeps the head, unless another window of this browser has kept a later one. */
  function keep(head: Checkpoint, note: string, vkey: string): void {
    const kept = pins.read();
    const root = toBase64(head.root);
    if (kept !== null && kept.vkey === vkey) {
      if (kept.size === head.size && kept.root !== root)
        refuse('head_forks', null, `another root of size ${head.size} was seen in another window`);
      if (kept.size > (seen?.size ?? 0)) seen = kept;
    }
    if (seen !== null && head.size < seen.size) return;
    forgetAlarm();
    seen = { v: 1, vkey, size: head.size, root, note };
    isPinned = pins.keep(seen);
  }

  return {
    view: () => shown,
    take: (frame) => queue(() => takeFrame(frame)),
    takeOwn: (own) =>
      queue(() => {
        const late = new Map<number, Record<string, unknown>>();
        const ahead: [Staged, Record<string, unknown>][] = [];
        for (const [name, texts] of Object.entries(own.disclosures)) {
          const seq = Number(name);
          const waiting = held.staged[seq - held.entries.length];
          if (waiting === undefined) late.set(seq, disclose(heldEntry(seq).entry, texts));
          else ahead.push([waiting, disclose(waiting.entry, texts)]);
        }
        for (const [waiting, disclosed] of ahead) waiting.disclosed = { ...waiting.disclosed, ...disclosed };
        held = tell(held, late);
      }),
    hearSize(size) {
      if (refusal !== null || seen === null) return;
      if (size >= seen.size) {
        forgetAlarm();
        return;
      }
      const expected = seen.size;
      dropAlarm ??= options.after(BEHIND_LIMIT_MS, () => {
        dropAlarm = null;
        void queue(() => refuse('log_rolled_back', null, `${size} entries, ${expected} were signed before`));
      });
    },
    restart: () =>
      queue(() => {
        held = NOTHING;
      }),
    async resumeAfter() {
      await work;
      return held.range.size - 1;
    },
  };
}

function readEntry(text: string, seq: number): Entry {
  try {
    return parseEntry(utf8(text));
  } catch (fault) {
    if (!(fault instanceof LogFormatError)) throw fault;
    return refuse(codeOfEntryFault(fault), seq, fault.message);
  }
}

/** What the core's fold says of an entry; a log that does not fit is refused. */
function fits<T>(seq: number, step: () => T): T {
  try {
    return step();
  } catch (fault) {
    if (fault instanceof CorruptLogError) return refuse('event_does_not_fit', fault.seq, fault.message);
    if (fault instanceof LogFormatError) return refuse('entry_malformed', seq, fault.message);
    throw fault;
  }
}

function checkForm(event: LoggedEvent, disclosed: Readonly<Record<string, unknown>>): void {
  for (const [field, value] of Object.entries(disclosed))
    if (!isInForm(event.type, field, value)) refuse('disclosure_not_in_form', event.seq, field);
}

/** Folds entries that a signed root covers. */
function fold(held: Held, staged: readonly Staged[]): Held {
  let { state } = held;
  const entries = [...held.entries];
  for (const { entry, text, disclosed } of staged) {
    const event = fits(entry.seq, () => readEvent(entry, disclosed));
    checkForm(event, disclosed);
    const next: OpeningState = fits(entry.seq, () => (state === null ? begin(event) : evolve(state, event)));
    state = next;
    entries.push({ entry, text, event, phase: next.phase });
  }
  return { ...held, state, entries };
}

/** Adds disclosures that came after their entries. */
function tell(held: Held, late: ReadonlyMap<number, Readonly<Record<string, unknown>>>): Held {
  if (late.size === 0 || held.state === null) return held;
  let { state } = held;
  const entries = [...held.entries];
  for (const [seq, disclosed] of late) {
    const told = entries[seq];
    if (told === undefined) continue;
    checkForm(told.event, disclosed);
    const fields = { ...told.event.fields };
    for (const [field, value] of Object.entries(disclosed)) {
      fields[field] = { known: true, value };
      state = learn(state, told.event.type, field, value, told.event.body);
    }
    entries[seq] = { ...told, event: { ...told.event, fields } };
  }
  return { ...held, state, entries };
}
