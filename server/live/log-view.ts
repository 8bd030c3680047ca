/** What live and HTTP read of an opening's log, never above the released head: stretches of entries that end where a checkpoint stands. */

import { readDisclosure } from '../core/log/disclosure.ts';
import { type Entry, parseEntry } from '../core/log/entry.ts';
import { fromUtf8 } from '../core/log/utf8.ts';
import { CorruptLogError } from '../core/opening/corrupt-log.ts';
import type { EventType } from '../core/opening/events.ts';
import { begin, evolve } from '../core/opening/evolve.ts';
import { isEventType, readEvent } from '../core/opening/read-event.ts';
import type { OpeningState } from '../core/opening/state.ts';
import type { Sql } from '../store/driver.ts';
import { readCheckpointOver, readDisclosures, readEntries, readLastCheckpoint } from '../store/read-log.ts';
import type { HeldEntry } from './sight.ts';

/** A size and the signed note that proves it. */
export type Head = { readonly size: number; readonly note: string };

/** The log as the store and the signer give it; spans are half-open [from, to). */
export type LogView = {
  /** The last head that may be shown to anyone, or null when there is none. */
  released(origin: string): Head | null;
  entries(
    origin: string,
    from: number,
    to: number,
  ): Promise<readonly { readonly seq: number; readonly bytes: Uint8Array }[]>;
  disclosures(
    origin: string,
    from: number,
    to: number,
  ): Promise<readonly { readonly seq: number; readonly field: string; readonly disclosure: string }[]>;
  /** The first checkpoint that covers `size` entries; null when there is none. */
  checkpointFor(origin: string, size: number): Promise<Head | null>;
  /** Learns how far another process has let a log out; absent where this process does so itself and always knows. */
  refresh?(origin: string): Promise<void>;
};

/** The logs in the database, as far as the signer has let them out. */
export function createLogView(sql: Sql, signer: { released(origin: string): Head | null }): LogView {
  return {
    released: (origin) => signer.released(origin),
    entries: (origin, from, to) => readEntries(sql, origin, from, to),
    disclosures: (origin, from, to) => readDisclosures(sql, origin, from, to),
    checkpointFor: (origin, size) => readCheckpointOver(sql, origin, size),
  };
}

/**
 * The logs in the database, for a process beside the one that signs.
 *
 * Why: what is committed with its checkpoint was signed before, and is never taken back: after a crash between commit and release
 *      the signer releases it. Such a process has no guard. It believes the database, and after a restored backup it shows an older
 *      log, not another one; who looks on holds it against the head he has seen.
 */
export function followLogs(sql: Sql): LogView {
  const heads = new Map<string, Head>();
  const released = (origin: string): Head | null => heads.get(origin) ?? null;
  return {
    ...createLogView(sql, { released }),
    async refresh(origin) {
      const head = await readLastCheckpoint(sql, origin);
      // two answers may come in the other order
      if (head !== null && head.size > (released(origin)?.size ?? 0)) heads.set(origin, head);
    },
  };
}

/**
 * The logs in the database, for a process that may lead at one time and follow at another.
 *
 * Shape: `leading` is the signer while this process leads. What was shown once stays shown: a head never goes back.
 */
export function viewLogs(sql: Sql, leading: () => { released(origin: string): Head | null } | null): LogView {
  const followed = followLogs(sql);
  const heads = new Map<string, Head>();
  const released = (origin: string): Head | null => {
    const known = heads.get(origin) ?? null;
    const head = (leading() ?? followed).released(origin);
    if (head === null || head.size <= (known?.size ?? 0)) return known;
    heads.set(origin, head);
    return head;
  };
  return {
    ...createLogView(sql, { released }),
    refresh: async (origin) => (leading() === null ? followed.refresh?.(origin) : undefined),
  };
}

/** The last head of a log that may be shown now. */
export async function releasedNow(log: Pick<LogView, 'released' | 'refresh'>, origin: string): Promise<Head | null> {
  await log.refresh?.(origin);
  return log.released(origin);
}

/**
 * Where a stretch that begins at `from` ends: after `limit` entries or somewhat more, at a size that has a checkpoint.
 *
 * Asserts: from < head.size.
 * Why:     whoever gets a stretch can verify it by its own checkpoint, without waiting for the next one. Entries committed
 *          together have one checkpoint between them.
 */
export async function stretchEnd(log: LogView, origin: string, from: number, limit: number, head: Head): Promise<Head> {
  if (head.size <= from) throw new Error(`there is nothing after ${from} in ${origin}`);
  if (head.size - from <= limit) return head;
  const covering = await log.checkpointFor(origin, from + limit);
  if (covering === null) throw new Error(`${origin} has no checkpoint over ${from + limit} entries`);
  return covering.size < head.size ? covering : head;
}

/**
 * The entries of a stretch with all their disclosures.
 *
 * Throws: CorruptLogError when the store has not exactly these entries; LogFormatError when one is no entry.
 */
export async function readStretch(log: LogView, origin: string, from: number, to: number): Promise<HeldEntry[]> {
  const [rows, disclosed] = await Promise.all([log.entries(origin, from, to), log.disclosures(origin, from, to)]);
  const bySeq = new Map<number, HeldEntry['disclosures'][number][]>();
  for (const { seq, field, disclosure } of disclosed) {
    const ofEntry = bySeq.get(seq);
    if (ofEntry === undefined) bySeq.set(seq, [{ field, disclosure }]);
    else ofEntry.push({ field, disclosure });
  }
  if (rows.length !== to - from) throw new CorruptLogError(from, `${rows.length} of ${to - from} entries are there`);
  return rows.map(({ seq, bytes }, place) => {
    const entry: Entry = parseEntry(bytes);
    if (seq !== from + place || entry.seq !== seq) throw new CorruptLogError(seq, `stands at ${from + place}`);
    const { type } = entry;
    if (!isEventType(type)) throw new CorruptLogError(seq, `no event is called ${type}`);
    return { seq, text: fromUtf8(bytes), entry, type, disclosures: bySeq.get(seq) ?? [] };
  });
}

/**
 * The state after one more entry, as much of it as a room must know.
 *
 * Throws: CorruptLogError.
 * Why:    only the roster, the bidders' numbers and who objected without one are opened, to tell whose entry is whose: what a
 *         room does not hold it cannot show.
 */
export function foldHeld(state: OpeningState | null, { entry, type, disclosures }: HeldEntry): OpeningState {
  const values: Record<string, unknown> = {};
  const opened = openedOf(type, entry);
  for (const { disclosure } of opened.length === 0 ? [] : disclosures) {
    const { field, value } = readDisclosure(disclosure);
    if (opened.includes(field)) values[field] = value;
  }
  const event = readEvent(entry, values);
  return state === null ? begin(event) : evolve(state, event);
}

function openedOf(type: EventType, { body }: Entry): readonly string[] {
  if (type === 'RosterPublished') return ['roster', 'numbers'];
  return type === 'ObjectionRaised' && body['bidder'] === null ? ['who'] : [];
}
