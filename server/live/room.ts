/** One opening as everyone who looks on sees it: who sits in it, how far the stream stands, and each frame handed to every outbox in turn. */
import type { Logger } from 'pino';
import type { PersonRole } from '../core/opening/roles.ts';
import type { OpeningState } from '../core/opening/state.ts';
import { sightOf } from '../core/opening/visibility.ts';
import type { CloseReason } from '../core/wire/down.ts';
import type { World } from '../world.ts';
import { openFraming, type Reader } from './framing.ts';
import { type Head, type LogView, readStretch, stretchEnd } from './log-view.ts';
import { createOutbox, type Outbox, type SharedFrame, type Sink } from './outbox.ts';
import { createPresence, viewersToTell } from './presence.ts';
import { createRecentFrames } from './recent-frames.ts';
import { createReview } from './review.ts';
import { type DisclosuresBySeq, ownDisclosures, sharedDisclosures } from './sight.ts';
import { message, PING_FRAME } from './text-frame.ts';

/** Entries in one frame, or somewhat more: it ends at the first checkpoint that covers them. */
export const PAGE_ENTRIES = 200;
/** How long a room rests after a flush, as a share of what the flush took. */
const REST_SHARE = 1 / 4;
/** Viewers written to before others get their turn of the event loop. */
const SLICE_VIEWERS = 250;
/** Pings that may go unanswered. */
const MISSES_ALLOWED = 2;

/** Whom frames are for. `creditCode` tells a bidder's own entries; all but opening and role are null without a ticket. */
export type Viewer = {
  readonly openingId: string;
  readonly role: PersonRole;
  readonly account: string | null;
  readonly sessionId: string | null;
  readonly creditCode: string | null;
  /** When the session ends that the ticket was given for, integer ms. */
  readonly endsAt: number | null;
};

export type Seat = {
  readonly outbox: Outbox;
  /** The viewer has answered a ping, or said anything else. */
  hear(): void;
  /** The viewer has gone. */
  leave(): void;
};

/** A stretch for one reader who asks over HTTP. */
export type Page = {
  readonly from: number;
  readonly entries: readonly string[];
  readonly disclosures: DisclosuresBySeq;
  readonly checkpoint: string;
  /** Entries that may be shown by now. */
  readonly size: number;
};

export type Room = {
  state(): OpeningState;
  head(): Head;
  viewers(): number;
  /** The seq of WindowOpened, as soon as it may be shown; null before. */
  windowSeq(): Promise<number | null>;
  /**
   * Takes a viewer in; what it is sent begins at once.
   *
   * Shape: `after` exclusive, −1 = all. One beyond the log is told to resync and gets everything.
   */
  join(viewer: Viewer, after: number, sink: Sink): Seat;
  /** Entries after `after` as this reader may see them; null when there are none yet. */
  page(reader: Reader, after: number, limit: number): Promise<Page | null>;
  /** The log may have grown. */
  hear(): void;
  /** Heartbeat: pings, tells the time, ends who no longer belongs here. */
  beat(): Promise<void>;
  /** Ends the seats of an account whose role is gone. */
  review(account: string): void;
  /** The same for everyone who has an account. */
  reviewAll(): void;
  /** Ends every seat of an account. */
  dismiss(account: string): void;
  close(reason: CloseReason): void;
};

export type RoomDependencies = {
  readonly log: LogView;
  readonly world: Pick<World, 'now' | 'after'>;
  readonly config: { readonly flushIntervalMs: number; readonly outboxLimitBytes: number };
  readonly logger: Pick<Logger, 'error'>;
  /** Why a viewer may no longer look on in the role its ticket was given for; null while it may. */
  readonly whyNoSeat: (viewer: Viewer) => Promise<CloseReason | null>;
  /** Whether it was said that an account is shut: then it is looked up before it is shown anything, ticket in hand or not. */
  readonly wasShut: (account: string) => boolean;
};

type Taken = { readonly viewer: Viewer; readonly outbox: Outbox; missed: number };

/** Other requests and sockets get their turn. */
const turn = (): Promise<void> => new Promise((resume) => setImmediate(resume));

/**
 * Opens the room of a log.
 *
 * Returns: null when the log has no entry that may be shown.
 * Throws:  CorruptLogError, LogFormatError, and what the store throws.
 */
export async function openRoom(dependencies: RoomDependencies, origin: string): Promise<Room | null> {
  const { log, world, config, logger } = dependencies;
  const first = log.released(origin);
  if (first === null || first.size === 0) return null;

  const framing = await openFraming(log, world, origin, first.size);
  const { roleOf, ownerOf, readEarlier, makeFrame } = framing;
  /** Where the stream stands: everything before is with every streaming viewer or on its way. */
  let head: Head = first;
  const seats = new Set<Taken>();
  const presence = createPresence<Taken>();
  const recent = createRecentFrames();
  const building = new Map<string, Promise<SharedFrame>>();
  /** How often something was erased while this room was open. */
  let erasures = 0;
  let flushing = false;
  let cancelFlush: (() => void) | null = null;
  let waiting: { readonly resolve: () => void; readonly reject: (fault: unknown) => void }[] = [];
  let restUntil = Number.NEGATIVE_INFINITY;
  let closed = false;

  /** A page made now, up to where the stream stands or the page is full. */
  async function makePage(role: PersonRole, from: number): Promise<SharedFrame> {
    const end = await stretchEnd(log, origin, from, PAGE_ENTRIES, head);
    const stretch = await readStretch(log, origin, from, end.size);
    return makeFrame(role, stretch, await readEarlier(stretch, from), end);
  }

  /** The next frame for a viewer who is behind the stream: one kept, or one made now. */
  async function frameFrom(role: PersonRole, from: number): Promise<SharedFrame> {
    // Where kept frames end, and how soon they come, tells who looked before: of bidders nobody may learn that before the
    // roster (20号令21). The log is short then.
    if (role === 'bidder' && !framing.state().roster.known) return makePage(role, from);
    const key = `${sightOf(role)}/${from}`;
    const kept = recent.get(key);
    // Far behind, a page saves many small frames; near the stream, the frames that went out are at hand.
    if (kept !== undefined && (kept.to - from >= PAGE_ENTRIES / 2 || head.size - from < PAGE_ENTRIES)) return kept;
    const underWay = building.get(key);
    if (underWay !== undefined) return underWay;
    const readAfter = erasures;
    const made = makePage(role, from).then((frame) => {
      // one that was read before something was erased may still show it: whoever waits for it was here before
      if (readAfter === erasures) recent.put(key, frame);
      return frame;
    });
    building.set(key, made);
    try {
      return await made;
    } finally {
      building.delete(key);
    }
  }

  /** Resolves when the stream stands at `size` or further; rejects with what keeps it from getting there. */
  async function reach(size: number): Promise<void> {
    while (head.size < size && !closed) {
      const grown = new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
      hear();
      await grown;
    }
  }

  function wake(act: (waiter: (typeof waiting)[number]) => void): void {
    const woken = waiting;
    waiting = [];
    woken.forEach(act);
  }

  /** 1. backfill, at the viewer's own pace; 2. cutover; from then on `flush` serves it. */
  async function fill(seat: Taken): Promise<void> {
    const { outbox, viewer } = seat;
    // Released, but not yet in the stream: it learned of it elsewhere, by an answer over HTTP.
    await reach(outbox.next());
    while (outbox.phase() === 'backfill' && !outbox.cutOver(head.size)) {
      const frame = await frameFrom(roleOf(viewer), outbox.next());
      if (!outbox.deliver(frame, ownerOf(viewer))) return remove(seat);
      await outbox.drained();
    }
  }

  function remove(seat: Taken): void {
    seats.delete(seat);
    presence.leave(seat);
    review.forget(seat);
  }

  function end(seat: Taken, reason: CloseReason): void {
    remove(seat);
    seat.outbox.close(reason);
  }

  function hear(): void {
    if (closed || flushing || cancelFlush !== null) return;
    if ((log.released(origin)?.size ?? 0) <= head.size) return;
    cancelFlush = world.after(Math.max(0, restUntil - world.now()), () => {
      cancelFlush = null;
      void flush();
    });
  }

  /**
   * One frame for all that was released since the last one.
   *
   * Why: the next begins when this one is handed to every viewer, the interval is over since it began, and a rest has passed: a
   *      crowded room slows to fewer, fuller frames. While it writes, others get their turn after each slice; the rest is what
   *      they have to themselves, and each part of it is waited for by everyone who looks on.
   */
  async function flush(): Promise<void> {
    flushing = true;
    const beganAt = world.now();
    try {
      const released = log.released(origin);
      if (released === null || released.size <= head.size) return;
      // 1. Read. A fault until here changes nothing: the next word of the log, or the heartbeat, tries again.
      const from = head.size;
      const next = await stretchEnd(log, origin, from, PAGE_ENTRIES, released);
      const stretch = await readStretch(log, origin, from, next.size);
      const earlier = await readEarlier(stretch, from);
      // 2. In one turn: the state, the frames, and who gets them. Whoever cuts over from now on begins behind this frame.
      framing.grow(stretch);
      if (stretch.some(({ type }) => type === 'Erased')) {
        erasures += 1;
        recent.clear();
        building.clear();
      }
      head = next;
      wake(({ resolve }) => resolve());
      const frames = new Map<string, SharedFrame>();
      const streaming = [...seats].filter(({ outbox }) => outbox.phase() === 'stream');
      for (const { viewer } of streaming) {
        const role = roleOf(viewer);
        const sight = sightOf(role);
        if (frames.has(sight)) continue;
        const frame = makeFrame(role, stretch, earlier, next);
        frames.set(sight, frame);
        recent.put(`${sight}/${from}`, frame);
      }
      // 3. Write, a slice of viewers at a time.
      for (let at = 0; at < streaming.length; at += SLICE_VIEWERS) {
        for (const seat of streaming.slice(at, at + SLICE_VIEWERS)) {
          const frame = frames.get(sightOf(roleOf(seat.viewer)));
          if (frame === undefined) throw new Error('a viewer without a frame');
          if (!seat.outbox.deliver(frame, ownerOf(seat.viewer))) remove(seat);
        }
        await turn();
      }
    } catch (error) {
      logger.error({ err: error, origin }, 'a room could not go on; it tries again at its next heartbeat');
      wake(({ reject }) => reject(error));
      return;
    } finally {
      const tookMs = world.now() - beganAt;
      restUntil = world.now() + Math.max(config.flushIntervalMs - tookMs, Math.ceil(tookMs * REST_SHARE));
      flushing = false;
    }
    hear();
  }

  async function check(seat: Taken): Promise<void> {
    const why = await dependencies.whyNoSeat(seat.viewer);
    if (why !== null) end(seat, why);
  }
  const review = createReview<Taken>({
    check,
    onFault: (error) =>
      logger.error({ err: error, origin }, 'a viewer’s role could not be looked up; the next heartbeat tries again'),
  });

  /** Why: what was said of an account may be old by now, or was said too late; only the database knows, and it is asked first. */
  async function admit(seat: Taken): Promise<void> {
    const { account } = seat.viewer;
    if (account !== null && dependencies.wasShut(account)) await check(seat);
    await fill(seat);
  }

  return {
    state: framing.state,
    head: () => head,
    viewers: () => presence.count(),
    async windowSeq() {
      await reach(log.released(origin)?.size ?? 0);
      return framing.windowSeq();
    },
    hear,
    join(viewer, after, sink) {
      const isBeyond = after >= Math.max(head.size, log.released(origin)?.size ?? 0);
      const outbox = createOutbox(sink, isBeyond ? 0 : after + 1, config.outboxLimitBytes);
      const seat: Taken = { viewer, outbox, missed: 0 };
      if (closed) outbox.close('server_stopping');
      else seats.add(seat);
      const oldest = closed ? undefined : presence.enter(seat, viewer.account);
      if (oldest !== undefined) end(oldest, 'seat_taken');
      if (isBeyond) outbox.say(message({ v: 1, kind: 'resync', after: -1 }), false);
      // The time first: a frame may have been made some moments ago.
      outbox.say(pulse(), true);
      void admit(seat).catch((error: unknown) => {
        logger.error({ err: error, origin }, 'a viewer could not be given what it missed');
        end(seat, 'server_fault');
      });
      return {
        outbox,
        hear() {
          seat.missed = 0;
        },
        leave() {
          outbox.end();
          remove(seat);
        },
      };
    },
    async page(reader, after, limit) {
      const from = after + 1;
      // An answer that named an entry must not be followed by a page without it.
      await reach(log.released(origin)?.size ?? 0);
      if (from >= head.size) return null;
      const until = head;
      const role = roleOf(reader);
      const stop = await stretchEnd(log, origin, from, limit, until);
      const stretch = await readStretch(log, origin, from, stop.size);
      const earlier = await readEarlier(stretch, from);
      // As the reader may see it now: who reads one page must not miss what a later page releases of it.
      const state = framing.state();
      const disclosures = sharedDisclosures(role, stretch, earlier, state);
      const owner = ownerOf(reader);
      const own = owner === null ? undefined : ownDisclosures(role, stretch, state, state.objections).get(owner);
      for (const [seq, texts] of Object.entries(own ?? {})) disclosures[seq] = [...(disclosures[seq] ?? []), ...texts];
      const entries = stretch.map(({ text }) => text);
      return { from, entries, disclosures, checkpoint: stop.note, size: until.size };
    },
    async beat() {
      hear();
      const bytes = Buffer.concat([pulse(), PING_FRAME]);
      const everyone = [...seats];
      for (let at = 0; at < everyone.length; at += SLICE_VIEWERS) {
        for (const seat of everyone.slice(at, at + SLICE_VIEWERS)) {
          const { viewer, outbox } = seat;
          if (seat.missed >= MISSES_ALLOWED) end(seat, 'heartbeat_missed');
          else if (viewer.endsAt !== null && world.now() >= viewer.endsAt) end(seat, 'ticket_expired');
          else {
            seat.missed++;
            outbox.say(bytes, true);
          }
        }
        await turn();
      }
      // A bidder's place follows from the roster; a role that was given can be taken back.
      await review.look(everyone.filter(({ viewer }) => viewer.account !== null && viewer.role !== 'bidder'));
    },
    review(account) {
      void review.lookNow([...seats].filter(({ viewer }) => viewer.account === account));
    },
    reviewAll() {
      void review.look([...seats].filter(({ viewer }) => viewer.account !== null));
    },
    dismiss(account) {
      for (const seat of [...seats]) if (seat.viewer.account === account) end(seat, 'ticket_expired');
    },
    close(reason) {
      closed = true;
      cancelFlush?.();
      wake(({ resolve }) => resolve());
      for (const seat of seats) end(seat, reason);
    },
  };

  function pulse(): Uint8Array {
    const viewers = viewersToTell(framing.state(), presence.count());
    return message({ v: 1, kind: 'pulse', now: world.now(), viewers, size: head.size });
  }
}
