/** One viewer's way along the log: backfill → cutover → stream, without a gap and without ever waiting for more than its bound. */
import type { CloseReason } from '../core/wire/down.ts';
import type { Owner } from './sight.ts';

/** Where a viewer's bytes go; a socket, or a test's list. */
export type Sink = {
  write(bytes: Uint8Array): void;
  /** Bytes handed over that the network has not taken yet. */
  waitingBytes(): number;
  /** Ends the connection, once. */
  close(reason: CloseReason): void;
  /** Calls back once when nothing waits any more; never when the connection has ended. */
  onDrained(resume: () => void): void;
};

/** Entries [from, to) as everyone of one sight sees them, framed once; `own` has what only one of them sees. */
export type SharedFrame = {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
  readonly own: ReadonlyMap<Owner, Uint8Array>;
};

/**
 * `backfill`: reads pages at its own pace. `stream`: gets every frame as it is made. `closed`: gets nothing any more.
 * The cutover between the first two is no phase: it takes no time, see `cutOver`.
 */
export type Phase = 'backfill' | 'stream' | 'closed';

export type Outbox = {
  phase(): Phase;
  /** The seq of the next entry it must be sent. */
  next(): number;
  /**
   * Sends a frame and the viewer's own disclosures of it.
   *
   * Asserts: the frame begins exactly where the viewer stands; a gap or a repeat is a fault of the room.
   * Returns: false when the viewer is closed, now or before.
   */
  deliver(frame: SharedFrame, owner: Owner | null): boolean;
  /** Sends what is no entry (pulse, pong, resync); what a slow viewer can miss is left out when too much waits. */
  say(bytes: Uint8Array, isMissable: boolean): void;
  /**
   * From backfill into the stream, when the viewer stands where the room's stream stands.
   *
   * Returns: whether it did; if not, there is more to read first.
   * Why:     asked and done in one turn of the event loop, in which no frame can be made: nothing need be buffered between.
   */
  cutOver(streamNext: number): boolean;
  /** Resolves when nothing waits, so that the next page may be read; also when it is closed. */
  drained(): Promise<void>;
  /** Ends it for a named reason; later reasons do not count. */
  close(reason: CloseReason): void;
  /** The connection has ended by itself. */
  end(): void;
};

/**
 * A viewer's outbox.
 *
 * Shape:  `next` the seq of the first entry it wants; `limitBytes` what may wait for it.
 * Why:    the bound is asked before a frame is added, not after: one frame larger than the bound must still reach a viewer
 *         who keeps up. A viewer who is over it is closed with `outbox_full` and resumes where it was.
 */
export function createOutbox(sink: Sink, from: number, limitBytes: number): Outbox {
  let phase: Phase = 'backfill';
  let next = from;
  let wake: (() => void) | null = null;

  function stop(): void {
    phase = 'closed';
    wake?.();
    wake = null;
  }

  function close(reason: CloseReason): void {
    if (phase === 'closed') return;
    stop();
    sink.close(reason);
  }

  return {
    phase: () => phase,
    next: () => next,
    deliver(frame, owner) {
      if (phase === 'closed') return false;
      if (frame.from !== next || frame.to <= frame.from)
        throw new Error(`a viewer who stands at ${next} was handed entries ${frame.from} to ${frame.to}`);
      if (sink.waitingBytes() > limitBytes) {
        close('outbox_full');
        return false;
      }
      sink.write(frame.bytes);
      const own = owner === null ? undefined : frame.own.get(owner);
      if (own !== undefined) sink.write(own);
      next = frame.to;
      return true;
    },
    say(bytes, isMissable) {
      if (phase === 'closed') return;
      if (sink.waitingBytes() <= limitBytes) sink.write(bytes);
      else if (!isMissable) close('outbox_full');
    },
    cutOver(streamNext) {
      if (phase !== 'backfill' || next !== streamNext) return false;
      phase = 'stream';
      return true;
    },
    drained() {
      if (phase === 'closed' || sink.waitingBytes() === 0) return Promise.resolve();
      return new Promise((resume) => {
        wake = resume;
        sink.onDrained(() => {
          if (wake !== resume) return;
          wake = null;
          resume();
        });
      });
    },
    close,
    end: stop,
  };
}
