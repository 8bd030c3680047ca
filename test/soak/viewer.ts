/** Someone who looks on: takes the frames of a room, folds them by the same rules as a page, and keeps what it was shown and when. */
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { type Entry, parseEntry } from '../../server/core/log/entry.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { EventType } from '../../server/core/opening/events.ts';
import { begin, evolve, learn } from '../../server/core/opening/evolve.ts';
import { readEvent } from '../../server/core/opening/read-event.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { sightOf } from '../../server/core/opening/visibility.ts';
import type { Down } from '../../server/core/wire/down.ts';
import type { Hall } from '../../server/live/hall.ts';
import type { Sink } from '../../server/live/outbox.ts';
import type { Seat } from '../../server/live/room.ts';
import { readFrames } from '../live/viewers.ts';
import type { Person } from './people.ts';

/** A value that this viewer was shown of an entry. */
export type Shown = { readonly seq: number; readonly type: EventType; readonly field: string; readonly value: unknown };

export type Viewer = {
  readonly role: PersonRole;
  readonly person: Person | null;
  readonly sight: string;
  /** As folded from what was shown; null before genesis. */
  state(): OpeningState | null;
  /** The exact texts of all entries shown, in order. */
  readonly texts: string[];
  /** The last signed checkpoint shown. */
  checkpoint(): string | null;
  /** Whether it follows the stream, all that went before being read. */
  isStreaming(): boolean;
  /** Shared frames since this was last asked, with the instant of each. */
  takeFrames(): readonly { readonly bytes: Uint8Array; readonly at: number }[];
  isSeated(): boolean;
  join(hall: Hall): Promise<void>;
  /** The connection is gone; what was shown stays. */
  cut(): void;
};

type Read = {
  readonly down: Down;
  readonly entries: readonly {
    readonly entry: Entry;
    readonly text: string;
    readonly values: Record<string, unknown>;
  }[];
  /** Disclosures of entries before this frame. */
  readonly late: readonly { readonly seq: number; readonly field: string; readonly value: unknown }[];
};

/** A shared frame is the same bytes for everyone, so it is read once. */
const readBefore = new WeakMap<Uint8Array, readonly Read[]>();

function read(bytes: Uint8Array): readonly Read[] {
  const before = readBefore.get(bytes);
  if (before !== undefined) return before;
  const found = readFrames(bytes).map((down): Read => {
    if (down.kind !== 'entries') return { down, entries: [], late: lateOf(down, new Set()) };
    const entries = down.entries.map((text) => ({ text, entry: parseEntry(utf8(text)), values: {} }));
    for (const { entry, values } of entries) {
      for (const text of down.disclosures[String(entry.seq)] ?? []) {
        const { field, value } = readDisclosure(text);
        (values as Record<string, unknown>)[field] = value;
      }
    }
    return { down, entries, late: lateOf(down, new Set(entries.map(({ entry }) => String(entry.seq)))) };
  });
  readBefore.set(bytes, found);
  return found;
}

function lateOf(down: Down, here: ReadonlySet<string>): Read['late'] {
  if (down.kind !== 'entries' && down.kind !== 'own') return [];
  return Object.entries(down.disclosures).flatMap(([seq, texts]) =>
    here.has(seq) ? [] : texts.map((text) => ({ seq: Number(seq), ...readDisclosure(text) })),
  );
}

export type ViewerOptions = {
  readonly openingId: string;
  readonly role: PersonRole;
  readonly person: Person | null;
  readonly now: () => number;
  /** Told after each message, with what it showed that was hidden before, and the viewer's fold behind it. */
  readonly onShown: (viewer: Viewer, shown: readonly Shown[]) => void;
  /** Told when what came does not fit what came before. */
  readonly onBroken: (viewer: Viewer, why: unknown) => void;
  /** What a test puts into the way of the bytes. */
  readonly bend?: (viewer: Viewer, bytes: Uint8Array) => Uint8Array | null;
};

export function createViewer({ openingId, role, person, now, onShown, onBroken, bend }: ViewerOptions): Viewer {
  const texts: string[] = [];
  const types: EventType[] = [];
  const bodies: Entry['body'][] = [];
  let frames: { bytes: Uint8Array; at: number }[] = [];
  let state: OpeningState | null = null;
  let checkpoint: string | null = null;
  let seat: Seat | null = null;
  let joins = 0;

  function take(bytes: Uint8Array): void {
    for (const { down, entries, late } of read(bytes)) {
      if (down.kind === 'entries') {
        frames.push({ bytes, at: now() });
        checkpoint = down.checkpoint;
      }
      const shown: Shown[] = [];
      for (const { entry, text, values } of entries) {
        if (entry.seq !== texts.length) throw new Error(`a gap: entry ${entry.seq} after ${texts.length}`);
        const event = readEvent(entry, values);
        state = state === null ? begin(event) : evolve(state, event);
        texts.push(text);
        types.push(event.type);
        bodies.push(entry.body);
        for (const [field, value] of Object.entries(values))
          shown.push({ seq: entry.seq, type: event.type, field, value });
      }
      for (const { seq, field, value } of late) {
        const type = types[seq];
        if (type === undefined || state === null) throw new Error(`a disclosure of entry ${seq}, which is not there`);
        state = learn(state, type, field, value, bodies[seq]);
        shown.push({ seq, type, field, value });
      }
      if (entries.length > 0 || shown.length > 0) onShown(viewer, shown);
    }
  }

  const viewer: Viewer = {
    role,
    person,
    sight: sightOf(role),
    state: () => state,
    texts,
    checkpoint: () => checkpoint,
    isStreaming: () => seat?.outbox.phase() === 'stream',
    takeFrames() {
      const taken = frames;
      frames = [];
      return taken;
    },
    isSeated: () => seat !== null,
    async join(hall) {
      const own = ++joins;
      const room = await hall.room(openingId);
      if (room === null || own !== joins) return;
      const sink: Sink = {
        write(bytes) {
          if (own !== joins) return;
          const bent = bend === undefined ? bytes : bend(viewer, bytes);
          try {
            if (bent !== null) take(bent);
          } catch (why) {
            onBroken(viewer, why);
          }
        },
        waitingBytes: () => 0,
        close() {
          if (own === joins) seat = null;
        },
        onDrained: (resume) => resume(),
      };
      seat = room.join(
        {
          openingId,
          role,
          account: person?.who.account ?? null,
          sessionId: null,
          creditCode: person?.who.creditCode ?? null,
          endsAt: null,
        },
        texts.length - 1,
        sink,
      );
    },
    cut() {
      joins += 1;
      seat?.leave();
      seat = null;
    },
  };
  return viewer;
}
