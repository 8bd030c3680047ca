/** A person's own copy of an opening's log: every stretch is checked to the signed root before it is folded; it fetches nothing. */
import type { HeadSeen } from '../../core/log/act.ts';
import { type Checkpoint, openCheckpoint } from '../../core/log/checkpoint.ts';
import { openDisclosures } from '../../core/log/disclosure.ts';
import { type Entry, parseEntry } from '../../core/log/entry.ts';
import { LogFormatError } from '../../core/log/error.ts';
import { consistencyProof, leafHash, readFromLeaves } from '../../core/log/merkle.ts';
import type { NoteVerifier } from '../../core/log/note.ts';
import { growReplica, newReplica, type Replica } from '../../core/log/replica.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { begin, evolve, learn } from '../../core/opening/evolve.ts';
import { isEventType, readEvent } from '../../core/opening/read-event.ts';
import type { OpeningState } from '../../core/opening/state.ts';
import { sha256 } from '../../hash.ts';
import type { LogPin } from './log-pin.ts';
import { PersonError } from './person-error.ts';

/** Entries with what this person may see of them, and the note that proves them: a page of the API or a frame of the socket. */
export type Stretch = {
  /** Exact leaf texts, from the first that is not held yet. */
  readonly entries: readonly string[];
  readonly disclosures: Readonly<Record<string, readonly string[]>>;
  readonly checkpoint: string;
};

/** The log as far as it is held. */
export type CopiedLog = { readonly state: OpeningState; readonly entries: readonly Entry[] };

export type LogCopy = {
  /** Entries held. */
  size(): number;
  /** What they say; null before the first. */
  held(): CopiedLog | null;
  /** Whether it reaches as far as the newest head this person has seen. */
  isCurrent(): Promise<boolean>;
  /**
   * Takes the next stretch.
   *
   * Throws: PersonError log_not_genuine, log_key_changed, log_of_another_platform; HeadError when it contradicts what was
   *         seen before; LogFormatError, CorruptLogError for what is no log at all. Then nothing has changed.
   */
  take(stretch: Stretch): Promise<void>;
  /** Takes disclosures of entries held. Throws: PersonError log_not_genuine. */
  takeDisclosures(disclosures: Stretch['disclosures']): Promise<void>;
  /** Lets everything go, to be fetched from the start; pin and head stay. */
  restart(): void;
  headSeen(): Promise<HeadSeen | null>;
};

type Held = {
  readonly replica: Replica;
  readonly leaves: readonly Uint8Array[];
  readonly entries: readonly Entry[];
  readonly state: OpeningState | null;
  readonly verifier: NoteVerifier | null;
};

/** A copy that holds nothing yet. */
export function createLogCopy(pin: LogPin): LogCopy {
  const nothing: Held = { replica: newReplica(pin.origin), leaves: [], entries: [], state: null, verifier: null };
  let held = nothing;
  // One at a time: the checks take time, and each stretch stands on the one before.
  let last: Promise<unknown> = Promise.resolve();

  function queue<Value>(work: () => Promise<Value>): Promise<Value> {
    const next = last.then(work);
    last = Promise.allSettled([next]);
    return next;
  }

  async function takeNext({ entries: texts, disclosures, checkpoint: note }: Stretch): Promise<void> {
    const bytes = texts.map(utf8);
    const from = held.entries.length;
    const fresh = bytes.map((leaf, place) => readEntry(leaf, from + place));
    const first = held.entries[0] ?? fresh[0];
    if (first === undefined) return;
    const vkey = vkeyOf(first);
    const verifier = held.verifier ?? (await pin.verifierOf(vkey));
    const checkpoint = await openHead(note, verifier);
    const grown = growReplica(sha256, held.replica, bytes, checkpoint);
    if (!grown.ok) throw new PersonError('log_not_genuine', grown.reason);
    const leaves = [...held.leaves, ...bytes.map((leaf) => leafHash(sha256, leaf))];
    const entries = [...held.entries, ...fresh];
    let { state } = held;
    for (const entry of fresh) {
      const event = readEvent(entry, valuesOf(entry, disclosures[entry.seq] ?? []));
      state = state === null ? begin(event) : evolve(state, event);
    }
    if (state === null) throw new Error('a log without a first entry');
    state = learnAll(state, entries, from, disclosures);
    // Only a key that has signed this very root is held on to.
    const keeper = await pin.trust(vkey);
    if (checkpoint.size >= keeper.headSeen().size) {
      await keeper.accept(note, async (oldSize, size) =>
        consistencyProof(sha256, readFromLeaves(sha256, leaves.slice(0, size)), oldSize, size),
      );
    }
    held = { replica: grown.replica, leaves, entries, state, verifier };
  }

  function readEntry(leaf: Uint8Array, seq: number): Entry {
    const entry = parseEntry(leaf);
    if (entry.log !== pin.origin || entry.seq !== seq)
      throw new PersonError('log_not_genuine', `entry ${entry.seq} of ${entry.log} stands at ${seq} of ${pin.origin}`);
    return entry;
  }

  async function openHead(note: string, verifier: NoteVerifier): Promise<Checkpoint> {
    try {
      return (await openCheckpoint(note, verifier)).checkpoint;
    } catch (fault) {
      if (fault instanceof LogFormatError) throw new PersonError('log_not_genuine', fault.code);
      throw fault;
    }
  }

  return {
    size: () => held.entries.length,
    held: () => (held.state === null ? null : { state: held.state, entries: held.entries }),
    async isCurrent() {
      const keeper = await pin.keeper();
      return keeper === null || held.entries.length >= keeper.headSeen().size;
    },
    take: (stretch) => queue(() => takeNext(stretch)),
    takeDisclosures: (disclosures) =>
      queue(async () => {
        if (held.state === null) return;
        held = { ...held, state: learnAll(held.state, held.entries, held.entries.length, disclosures) };
      }),
    restart() {
      held = nothing;
    },
    async headSeen() {
      return (await pin.keeper())?.headSeen() ?? null;
    },
  };
}

/** The key that genesis names; it is believed once it has signed what is shown, and only the first one. */
function vkeyOf(first: Entry): string {
  const event = readEvent(first, {});
  if (event.type !== 'OpeningCreated') throw new PersonError('log_not_genuine', 'a log begins with OpeningCreated');
  const { platform, openingId, vkey } = event.body;
  if (first.log !== `${platform}/opening/${openingId}`)
    throw new PersonError('log_of_another_platform', `${platform}/opening/${openingId}`);
  return vkey;
}

function valuesOf(entry: Entry, disclosures: readonly string[]): Record<string, unknown> {
  const opened = openDisclosures(sha256, entry.commit, disclosures);
  if (!opened.ok) throw new PersonError('log_not_genuine', `${opened.reason} at ${entry.seq}`);
  const values: Record<string, unknown> = {};
  for (const [field, knowable] of Object.entries(opened.fields)) if (knowable.known) values[field] = knowable.value;
  return values;
}

/** Takes in what was disclosed of entries before `from`: what a later event released, or what only this person may see. */
function learnAll(
  before: OpeningState,
  entries: readonly Entry[],
  from: number,
  disclosures: Stretch['disclosures'],
): OpeningState {
  let state = before;
  for (const [seqText, texts] of Object.entries(disclosures)) {
    const seq = Number(seqText);
    const entry = entries[seq];
    if (entry === undefined)
      throw new PersonError('log_not_genuine', `disclosures of entry ${seqText}, which is not there`);
    if (seq >= from || !isEventType(entry.type)) continue;
    for (const [field, value] of Object.entries(valuesOf(entry, texts)))
      state = learn(state, entry.type, field, value, entry.body);
  }
  return state;
}
