/** Who stands before the lots of a session: nobody in particular, or a person who may act in some of them. */
import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type { HostPartProps } from './host-part.tsx';
import type { SessionSeat } from './host-seat.ts';

export type HostPart = (props: HostPartProps) => preact.JSX.Element;

export type Room = {
  readonly seat: ReadonlySignal<SessionSeat | null>;
  /** Null until somebody asks to log in. */
  readonly part: ReadonlySignal<HostPart | null>;
  readonly isAsking: ReadonlySignal<boolean>;
  /** The part of the page for those with a key did not come over the network. */
  readonly cannotLoad: ReadonlySignal<boolean>;
  /** Another page took a seat of theirs: here nobody acts any more. */
  readonly isSeatLost: ReadonlySignal<boolean>;
  /** The server's now as far as the page knows it, ms. */
  readonly now: () => number;
  ask(): Promise<void>;
  stopAsking(): void;
  sit(seat: SessionSeat): void;
  leave(): Promise<void>;
  /** A fault of one act, after which the page still shows what it has verified. */
  report(fault: unknown): void;
};

/** An empty room. */
export function openRoom(now: () => number): Room {
  const seat = signal<SessionSeat | null>(null);
  const part = signal<HostPart | null>(null);
  const isAsking = signal(false);
  const cannotLoad = signal(false);
  const isSeatLost = signal(false);

  async function leave(): Promise<void> {
    const leaving = seat.peek();
    seat.value = null;
    await leaving?.leave();
  }

  function report(fault: unknown): void {
    // loud where it is looked for, and the page goes on
    setTimeout(() => {
      throw fault;
    });
  }

  effect(() => {
    if (seat.value?.isLost.value !== true) return;
    isSeatLost.value = true;
    // not from within: what is left is looked at here
    queueMicrotask(() => leave().catch(report));
  });

  return {
    seat,
    part,
    isAsking,
    cannotLoad,
    isSeatLost,
    now,
    async ask() {
      cannotLoad.value = false;
      isSeatLost.value = false;
      try {
        part.value = (await import('./host-part.tsx')).HostPart;
        isAsking.value = true;
      } catch (fault) {
        // a file of the page did not come; asked again, it may
        if (!(fault instanceof TypeError)) throw fault;
        cannotLoad.value = true;
      }
    },
    stopAsking() {
      isAsking.value = false;
    },
    sit(taken) {
      seat.value = taken;
    },
    leave,
    report,
  };
}
