/** The page of an opening as somebody stands before it: first as the public, and logged in when they ask to be. */
import { effect, type ReadonlySignal, signal } from '@preact/signals';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { PersonPartProps } from '../person/person-part.tsx';
import type { Seat } from '../person/seat.ts';
import { viewHere } from './browser-viewing.ts';
import type { Viewing } from './viewing.ts';

/** The component of the person's part, once it was fetched. */
export type PersonPart = (props: PersonPartProps) => preact.JSX.Element;

export type Hall = {
  readonly viewing: ReadonlySignal<Viewing>;
  readonly seat: ReadonlySignal<Seat | null>;
  /** Null until somebody asks to log in. */
  readonly personPart: ReadonlySignal<PersonPart | null>;
  readonly isAsking: ReadonlySignal<boolean>;
  /** The part of the page for those with a key did not come over the network. */
  readonly cannotLoad: ReadonlySignal<boolean>;
  /** Another page took this person's seat: here they look on as the public until they log in again. */
  readonly isSeatLost: ReadonlySignal<boolean>;
  /** The server's now by whatever is viewed, or was viewed before; by this computer's clock before it is known. */
  readonly now: () => number;
  /** A fault of this page's own, outside of its viewing. */
  readonly fault: ReadonlySignal<unknown>;
  ask(): Promise<void>;
  stopAsking(): void;
  sit(seat: Seat): void;
  /** The same person in another of their roles. */
  turnTo(role: PersonRole): void;
  leave(): Promise<void>;
  fail(fault: unknown): void;
  /** A fault of one act, after which the page still shows what it has verified. */
  report(fault: unknown): void;
};

/** Opens the page's hall as the public. Shape: `openingId` as in the address; `view` begins a viewing, by default with the browser's own parts. */
export function openHall(openingId: string, view: typeof viewHere = viewHere): Hall {
  const viewing = signal(view(openingId));
  const seat = signal<Seat | null>(null);
  const personPart = signal<PersonPart | null>(null);
  const isAsking = signal(false);
  const fault = signal<unknown>(null);
  const cannotLoad = signal(false);
  const isSeatLost = signal(false);
  let stopWaiting = (): void => undefined;
  /** How far the server's clock is from this computer's, ms, as it was known last: whoever leaves signs by it once more. */
  let differsMs = 0;
  effect(() => {
    const known = viewing.value.now.value;
    if (known !== null) differsMs = known - Date.now();
  });

  /** Who is to look on, from the moment that was asked for. */
  let wanted: Seat | null = null;

  /** Views with other eyes. What is shown stays until there is as much to show instead, so that nobody loses their place. */
  function viewAs(next: Seat | null): void {
    stopWaiting();
    wanted = next;
    const before = viewing.peek();
    const shownSize = before.view.peek().state?.size ?? 0;
    const fresh = view(openingId, next?.askTicket ?? null);
    const stop = effect(() => {
      const { state, standing } = fresh.view.value;
      const hasAsMuch = state !== null && state.size >= shownSize;
      const isOver = standing.kind === 'refused' || fresh.fault.value !== null || fresh.link.value.kind === 'stopped';
      if (!hasAsMuch && !isOver) return;
      seat.value = next;
      viewing.value = fresh;
      before.close();
      queueMicrotask(() => stop());
    });
    stopWaiting = () => {
      stop();
      if (viewing.peek() !== fresh) fresh.close();
    };
  }

  /** Somebody else may stand before this computer next: nothing of the person stays on the page, whatever the network does. */
  function viewAsNobody(): void {
    stopWaiting();
    wanted = null;
    const before = viewing.peek();
    seat.value = null;
    viewing.value = view(openingId);
    before.close();
  }

  async function leave(): Promise<void> {
    const leaving = wanted;
    viewAsNobody();
    await leaving?.leave();
  }

  effect(() => {
    const link = viewing.value.link.value;
    if (link.kind !== 'stopped' || link.why !== 'seat_taken' || seat.peek() === null) return;
    isSeatLost.value = true;
    // not from within: what is left is looked at here
    queueMicrotask(() => {
      leave().catch((error: unknown) => {
        fault.value = error;
      });
    });
  });

  return {
    viewing,
    seat,
    isSeatLost,
    personPart,
    isAsking,
    cannotLoad,
    now: () => viewing.peek().now.peek() ?? Date.now() + differsMs,
    fault,
    async ask() {
      cannotLoad.value = false;
      isSeatLost.value = false;
      try {
        personPart.value = (await import('../person/person-part.tsx')).PersonPart;
        isAsking.value = true;
      } catch (error) {
        // a file of the page did not come; asked again, it may
        if (!(error instanceof TypeError)) throw error;
        cannotLoad.value = true;
      }
    },
    stopAsking() {
      isAsking.value = false;
    },
    sit(next) {
      isAsking.value = false;
      viewAs(next);
    },
    turnTo(role) {
      if (wanted !== null && wanted.role !== role) viewAs(wanted.inRole(role));
    },
    leave,
    fail(error) {
      fault.value = error;
    },
    report(error) {
      // loud where it is looked for, and the page goes on: what it shows does not hang on this act
      setTimeout(() => {
        throw error;
      });
    },
  };
}
