/** All rooms of this process: opened when someone comes, told when their log grows, closed some time after the last has gone. */
import type { CloseReason } from '../core/wire/down.ts';
import type { World } from '../world.ts';
import { openRoom, type Room, type RoomDependencies } from './room.ts';

/** How long an empty room is kept for those who come back, ms. */
const EMPTY_ROOM_MS = 60_000;

export type Hall = {
  /** The room of an opening, or null when there is none. Throws: as openRoom. */
  room(openingId: string): Promise<Room | null>;
  /** Viewers in all rooms. */
  viewers(): number;
  /** Tells every room that its log may have grown: what was said while nobody listened is lost. */
  hearAll(): void;
  /** Tells the room of a log, if there is one. */
  hear(origin: string): void;
  /** Ends every seat of an account; from now on it is looked up before it is shown anything, a ticket in hand or not. */
  shutOut(account: string): void;
  /** Looks at once whether an account may keep its seats in an opening: a role was taken back. */
  review(openingId: string, account: string): void;
  /** Looks at once whether everyone may keep their seats: what was said of them may have been missed. */
  reviewAll(): void;
  /** An account is open again: it need not be looked up any more. */
  letBackIn(account: string): void;
  close(reason: CloseReason): void;
};

export type HallDependencies = Omit<RoomDependencies, 'config' | 'world' | 'wasShut'> & {
  readonly world: Pick<World, 'now' | 'after'>;
  readonly config: RoomDependencies['config'] & { readonly platform: string; readonly socketHeartbeatMs: number };
};

type Kept = { readonly opening: Promise<Room | null>; room: Room | null; usedAt: number };

export function createHall(dependencies: HallDependencies): Hall {
  const { world, config, logger, log } = dependencies;
  const rooms = new Map<string, Kept>();
  let cancelBeat: (() => void) | null = null;
  /**
   * Accounts shut since this process began; those shut before have no session to come with.
   *
   * Why: that one was opened again may never have been heard, so nobody is turned away by this alone.
   */
  const shut = new Set<string>();
  let closed = false;

  const originOf = (openingId: string): string => `${config.platform}/opening/${openingId}`;

  function open(origin: string): Kept {
    const opening = refreshed(origin, () =>
      openRoom({ ...dependencies, wasShut: (account) => shut.has(account) }, origin),
    );
    const kept: Kept = { opening, room: null, usedAt: world.now() };
    rooms.set(origin, kept);
    kept.opening.then(
      (room) => {
        kept.room = room;
        // No log yet: whoever asks next asks anew.
        if (room === null) rooms.delete(origin);
        // It may have grown while it was being read; and the hall may have closed.
        else if (closed) room.close('server_stopping');
        else room.hear();
      },
      () => rooms.delete(origin),
    );
    return kept;
  }

  /** Does something about a log once it is known how far it is let out: at once, where this process lets it out. */
  function refreshed<T>(origin: string, then: () => Promise<T>): Promise<T> {
    return log.refresh === undefined ? then() : log.refresh(origin).then(then);
  }

  /** Tells a room that its log may have grown; one that is being opened looks once more when it is open. */
  function tell(origin: string): void {
    if (!rooms.has(origin)) return;
    refreshed(origin, async () => rooms.get(origin)?.room?.hear()).catch((error: unknown) =>
      logger.error(
        { err: error, origin },
        'how far a log is let out could not be read; the next heartbeat tries again',
      ),
    );
  }

  function beat(): void {
    for (const [origin, kept] of rooms) {
      if (kept.room === null) continue;
      if (kept.room.viewers() > 0) kept.usedAt = world.now();
      if (world.now() - kept.usedAt < EMPTY_ROOM_MS) {
        const { room } = kept;
        refreshed(origin, () => room.beat()).catch((error: unknown) =>
          logger.error({ err: error, origin }, 'a room missed its heartbeat'),
        );
      } else {
        kept.room.close('server_stopping');
        rooms.delete(origin);
      }
    }
    cancelBeat = world.after(config.socketHeartbeatMs, beat);
  }
  cancelBeat = world.after(config.socketHeartbeatMs, beat);

  return {
    room(openingId) {
      const origin = originOf(openingId);
      const kept = rooms.get(origin);
      if (kept === undefined) return open(origin).opening;
      kept.usedAt = world.now();
      // whoever was shown more by another process must not be taken for someone from beyond the log
      return refreshed(origin, () => kept.opening);
    },
    viewers: () => [...rooms.values()].reduce((sum, { room }) => sum + (room?.viewers() ?? 0), 0),
    hearAll() {
      for (const origin of rooms.keys()) tell(origin);
    },
    hear: tell,
    shutOut(account) {
      shut.add(account);
      for (const { room } of rooms.values()) room?.dismiss(account);
    },
    review(openingId, account) {
      rooms.get(originOf(openingId))?.room?.review(account);
    },
    reviewAll() {
      for (const { room } of rooms.values()) room?.reviewAll();
    },
    letBackIn(account) {
      shut.delete(account);
    },
    close(reason) {
      closed = true;
      cancelBeat?.();
      for (const { room } of rooms.values()) room?.close(reason);
      rooms.clear();
    },
  };
}
