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
  /** The server's now by whatever is viewed at the moment; by this computer's clock before it is known. */
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
};

export function openHall(openingId: string): Hall {
  const viewing = signal(viewHere(openingId));
  const seat = signal<Seat | null>(null);
  const personPart = signal<PersonPart | null>(null);
  const isAsking = signal(false);
  const fault = signal<unknown>(null);
  let stopWaiting = (): void => undefined;

  /** Views with other eyes. What is shown stays until there is as much to show instead, so that nobody loses their place. */
  function viewAs(next: Seat | null): void {
    stopWaiting();
    const before = viewing.peek();
    const fresh = viewHere(openingId, next?.askTicket ?? null);
    const stop = effect(() => {
      const { state, standing } = fresh.view.value;
      const isThere = state !== null || standing.kind === 'refused' || fresh.fault.value !== null;
      if (!isThere && fresh.link.value.kind !== 'stopped') return;
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

  return {
    viewing,
    seat,
    personPart,
    isAsking,
    now: () => viewing.peek().now.peek() ?? Date.now(),
    fault,
    async ask() {
      const { PersonPart } = await import('../person/person-part.tsx');
      personPart.value = PersonPart;
      isAsking.value = true;
    },
    stopAsking() {
      isAsking.value = false;
    },
    sit(next) {
      isAsking.value = false;
      viewAs(next);
    },
    turnTo(role) {
      const present = seat.peek();
      if (present !== null && present.role !== role) viewAs(present.inRole(role));
    },
    async leave() {
      const present = seat.peek();
      viewAs(null);
      await present?.leave();
    },
    fail(error) {
      fault.value = error;
    },
  };
}
