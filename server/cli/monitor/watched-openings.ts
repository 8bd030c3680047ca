/** Watches the openings that a ledger has heads of: each is replayed when it grew, when somebody was shown a head of it, and again now and then. */
import type { LedgerHead } from '../../core/log/head.ts';
import type { LogSource } from '../../verify/source.ts';
import type { World } from '../../world.ts';
import { urlSource } from '../log-source.ts';
import type { Reach } from '../reach.ts';
import { alarm, type Raise } from './alarms.ts';
import { type Looked, largerOf, openKeptOpenings } from './kept-openings.ts';
import type { Patience } from './patience.ts';
import type { RegisteredOpening } from './register-watch.ts';
import { replayOpening, type SeenHead } from './replay-opening.ts';
import type { ReportedHeads } from './reported-heads.ts';

/** An opening that nothing new is known of is read again after so long: what was there once may be gone. */
export const REREAD_MS = 6 * 3_600_000;
/** So many of those in one round, and so many because of reports. */
const REREADS_OF_A_ROUND = 2;
const REPORTED_OF_A_ROUND = 4;
/** Due for so long and still not read, whatever the reason: time for ten thousand at a second or two each. */
export const UNREAD_MS = 12 * 3_600_000;
/** A report does not make an opening be read again sooner. */
const REPORTED_PAUSE_MS = 60_000;
/** What the reading of one opening may take: a slow one must not keep us from the others. */
export const OPENING_LIMIT_MS = 180_000;
export const OPENING_LIMIT_BYTES = 2 ** 30;

type Opening = {
  readonly publicKey: string;
  closedSeq: number | null;
  readonly heads: SeenHead[];
  /** Which round tried it last; 0 none. */
  tried: number;
};

export type WatchedOpenings = {
  /** A head that the ledger has in that entry, signed by this key (base64). */
  note(head: LedgerHead, publicKey: string, seq: number): void;
  publicKeyOf(origin: string): string | null;
  headsOf(origin: string): readonly SeenHead[];
  /** Heads that held when it was read before. */
  seenOf(origin: string): readonly SeenHead[];
  /**
   * Replays what is due, until `reach` says it is enough. `isCurrent`: the ledger is known as far as it was signed.
   *
   * Returns: how many could not be read.
   */
  round(reach: Reach, reports: ReportedHeads, isCurrent: boolean): Promise<number>;
  /** What is known of their registers, and whether that is all there is to know. */
  registered(): { readonly openings: readonly RegisteredOpening[]; readonly areAll: boolean };
  save(): Promise<void>;
};

type WatchOptions = {
  /** The address before `/logs`. */
  readonly platform: string;
  readonly folder: string;
  readonly world: Pick<World, 'now' | 'after'>;
  readonly patience: Patience;
  readonly raise: Raise;
  /** The note of the head in that entry of the ledger. */
  readonly noteAt: (seq: number) => Promise<string>;
  /** By when the ledger has a head of what an opening has grown to, ms. */
  readonly anchoredWithinMs: () => number;
};

/** Watches openings; how far each was held against the ledger stands in the folder's `openings.json`. Throws: KeptLedgerError. */
export async function watchOpenings(options: WatchOptions): Promise<WatchedOpenings> {
  const { platform, folder, world, patience, raise, noteAt, anchoredWithinMs } = options;
  const looked = await openKeptOpenings(folder);
  const openings = new Map<string, Opening>();
  let rounds = 0;

  /** Those to be read now, in the order in which they are tried. */
  function due(reports: ReportedHeads): string[] {
    /** Also of an instant to come: it was kept while our clock was ahead. */
    const isPast = (at: number, ms: number): boolean => at > world.now() || world.now() - at >= ms;
    const [grown, reported, old]: string[][] = [[], [], []];
    for (const [origin, { heads }] of openings) {
      const last = looked.of(origin);
      if (last === undefined || last.heads < heads.length || patience.since(behind(origin)) !== null)
        grown?.push(origin);
      else if (reports.of(origin).length > 0 && isPast(last.at, REPORTED_PAUSE_MS)) reported?.push(origin);
      else if (isPast(last.at, REREAD_MS)) old?.push(origin);
    }
    // One that cannot be read stays due: behind those that were not tried since.
    const triedAt = (origin: string): number => openings.get(origin)?.tried ?? 0;
    reported?.sort((a, b) => triedAt(a) - triedAt(b));
    old?.sort((a, b) => triedAt(a) - triedAt(b) || (looked.of(a)?.at ?? 0) - (looked.of(b)?.at ?? 0));
    const all = [
      ...(grown ?? []),
      ...(reported ?? []).slice(0, REPORTED_OF_A_ROUND),
      ...(old ?? []).slice(0, REREADS_OF_A_ROUND),
    ];
    return inTurn(all, triedAt);
  }

  async function look(origin: string, opening: Opening, source: LogSource, reports: ReportedHeads): Promise<boolean> {
    const { publicKey, closedSeq } = opening;
    const heads = [...opening.heads];
    const before = looked.of(origin);
    const seen = looked.seenOf(origin);
    const reported = reports.of(origin);
    const known = { publicKey, isClosed: closedSeq !== null, heads, seen, reported };
    const replay = await replayOpening(source, origin, known);
    if (!replay.isRead) return false;
    patience.forget(withheld(origin));
    patience.forget(unread(origin));
    for (const each of replay.found) await raise(each);
    const { size } = replay;
    const last = heads.at(-1);
    const longest = seen.reduce((a, b) => (b.size > (a?.size ?? 0) ? b : a), last);
    const isBehind = size !== null && longest !== undefined && size < longest.size;
    if (!isBehind) patience.forget(behind(origin));
    else if (patience.isOver(behind(origin)))
      await raise(alarm('opening_behind', origin, undefined, [await longest.note()]), behind(origin));
    let { shown, reported: told } = before ?? {};
    // what contradicts is an alarm with both notes; what it contradicts is what we go on from
    if (replay.found.length === 0 && size !== null) {
      shown = largerOf(shown, replay.note);
      for (const head of reported) if (head.size <= size) told = largerOf(told, await head.note());
    }
    const ahead = before?.ahead ?? (size !== null && size > (last?.size ?? 0) ? size : undefined);
    looked.keep(origin, {
      heads: heads.length,
      at: world.now(),
      facts: isBehind ? null : replay.facts,
      ...(shown !== undefined && { shown }),
      ...(told !== undefined && { reported: told }),
      ...(ahead !== undefined && { ahead }),
    });
    if (size !== null) await reports.settle(size, reported);
    return true;
  }

  /** What an opening has grown to stands in the ledger soon; a platform that keeps it out could tell it differently later. */
  async function askForHeads(isCurrent: boolean): Promise<void> {
    for (const [origin, { heads }] of openings) {
      const { ahead, ...rest } = looked.of(origin) ?? NEVER;
      if (ahead === undefined) continue;
      const last = heads.at(-1);
      if (last !== undefined && last.size >= ahead) {
        patience.forget(notAnchored(origin));
        looked.keep(origin, rest);
      } else if (isCurrent && patience.isOver(notAnchored(origin), anchoredWithinMs())) {
        const notes = [rest.shown, await last?.note()].filter((note) => note !== undefined);
        await raise(alarm('opening_not_anchored', origin, `at ${ahead} entries`, notes), notAnchored(origin));
      }
    }
  }

  return {
    note({ checkpoint, kind }, publicKey, seq) {
      const { origin, size, root } = checkpoint;
      // The access log has heads, too; it is not public.
      if (!origin.includes('/opening/')) return;
      const opening = openings.get(origin) ?? { publicKey, closedSeq: null, heads: [], tried: 0 };
      opening.heads.push({ size, root, note: () => noteAt(seq) });
      if (kind === 'closed') opening.closedSeq ??= seq;
      openings.set(origin, opening);
    },
    publicKeyOf: (origin) => openings.get(origin)?.publicKey ?? null,
    headsOf: (origin) => openings.get(origin)?.heads ?? [],
    seenOf: looked.seenOf,
    async round(reach, reports, isCurrent) {
      rounds += 1;
      await askForHeads(isCurrent);
      let failed = 0;
      const wanted = due(reports);
      const stillUnread = new Set(wanted);
      for (const origin of wanted) {
        if (isOver(reach)) break;
        const opening = openings.get(origin);
        if (opening === undefined) continue;
        opening.tried = rounds;
        const late = new AbortController();
        const cancel = world.after(OPENING_LIMIT_MS, () => late.abort());
        const signal = reach.signal === undefined ? late.signal : AbortSignal.any([late.signal, reach.signal]);
        const source = urlSource(`${platform}/logs/opening/${origin.slice(origin.lastIndexOf('/') + 1)}`, {
          ...reach,
          signal,
          budget: { left: OPENING_LIMIT_BYTES },
        });
        const isRead = await look(origin, opening, source, reports).finally(cancel);
        if (isRead) {
          stillUnread.delete(origin);
          continue;
        }
        // The round itself was over: that says nothing of this opening.
        if (isOver(reach)) break;
        failed += 1;
        if (patience.isOver(withheld(origin))) await raise(alarm('opening_withheld', origin), withheld(origin));
      }
      // also those that the round did not come to: whoever keeps us busy with others hides them as well
      for (const origin of stillUnread)
        if (patience.isOver(unread(origin), UNREAD_MS)) await raise(alarm('opening_unread', origin), unread(origin));
      return failed;
    },
    registered() {
      const known: RegisteredOpening[] = [];
      let areAll = true;
      for (const [origin, { heads, closedSeq }] of openings) {
        const last = looked.of(origin);
        if (last?.facts != null && last.heads === heads.length) known.push({ origin, facts: last.facts, closedSeq });
        else areAll = false;
      }
      return { openings: known, areAll };
    },
    save: looked.save,
  };
}

/**
 * By turns one that was never tried and the one that nobody has tried for longest.
 *
 * Why: what is new is soon read, and however much is new, half of a round is for the others.
 */
export function inTurn(origins: readonly string[], triedAt: (origin: string) => number): string[] {
  const fresh = origins.filter((origin) => triedAt(origin) === 0);
  const others = origins.filter((origin) => triedAt(origin) > 0).sort((a, b) => triedAt(a) - triedAt(b));
  const longer = fresh.length > others.length ? fresh : others;
  return longer.flatMap((_, n) => [fresh[n], others[n]].filter((origin) => origin !== undefined));
}

const NEVER: Looked = { heads: 0, at: 0, facts: null };
const isOver = ({ signal }: Reach): boolean => signal?.aborted === true;
const withheld = (origin: string): string => `opening_withheld ${origin}`;
const unread = (origin: string): string => `opening_unread ${origin}`;
const behind = (origin: string): string => `opening_behind ${origin}`;
const notAnchored = (origin: string): string => `opening_not_anchored ${origin}`;
