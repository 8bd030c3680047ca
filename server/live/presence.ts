/** Who looks on in a room: how many, and how many seats one account takes. Presence is no truth and never on the log. */
import type { OpeningState } from '../core/opening/state.ts';

/** Sockets one account may have in one room: some tabs and devices, not a thousand. */
export const SEATS_PER_ACCOUNT = 8;

export type Presence<Seat> = {
  /** Returns: the seat that must leave for this one, the account's oldest, when it has too many. */
  enter(seat: Seat, account: string | null): Seat | undefined;
  leave(seat: Seat): void;
  count(): number;
};

export function createPresence<Seat>(): Presence<Seat> {
  const accountOf = new Map<Seat, string | null>();
  const seatsOf = new Map<string, Set<Seat>>();
  return {
    enter(seat, account) {
      accountOf.set(seat, account);
      if (account === null) return undefined;
      const seats = seatsOf.get(account) ?? new Set();
      seatsOf.set(account, seats.add(seat));
      if (seats.size <= SEATS_PER_ACCOUNT) return undefined;
      const [oldest] = seats;
      return oldest;
    },
    leave(seat) {
      const account = accountOf.get(seat);
      accountOf.delete(seat);
      if (account === undefined || account === null) return;
      const seats = seatsOf.get(account);
      seats?.delete(seat);
      if (seats?.size === 0) seatsOf.delete(account);
    },
    count: () => accountOf.size,
  };
}

/**
 * How many viewers a room may tell of.
 *
 * Why: a bidder who looks on is seen by everyone in the count; before the roster nobody may learn who or how many bid
 *      (招投标法22, 20号令21), so until then it is 0 for 0, 3 or 300 bids.
 */
export function viewersToTell(state: OpeningState, count: number): number {
  return state.roster.known ? count : 0;
}
