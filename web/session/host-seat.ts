/** A person before all lots of a session: the roles they hold in each, and each lot seen with their eyes. */
import { effect, type ReadonlySignal, signal } from '@preact/signals';
import { ApiError } from '../../server/client/transport.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { AskTicket } from '../connection/web-socket.ts';
import type { Viewing } from '../opening/viewing.ts';
import type { Seat } from '../person/seat.ts';

export type LotSeat = { readonly seat: Seat; readonly viewing: Viewing };

export type SessionSeat = {
  /** The person, before no lot in particular. */
  readonly person: Seat;
  /** The lots in which they hold a role. */
  readonly lots: ReadonlyMap<string, LotSeat>;
  /** Another page has taken one of their seats. */
  readonly isLost: ReadonlySignal<boolean>;
  leave(): Promise<void>;
};

/** Those who act over lots, in the order in which one who holds several does. */
const ACTING = ['host', 'tenderer', 'supervisor'] as const satisfies readonly PersonRole[];

/**
 * Sits down before each lot in which the person may act.
 *
 * Shape:  `mayTakeOver` is asked once, where another page has any of the seats; whoever declines sits nowhere.
 * Throws: ApiError.
 * Why:    the seats are those of the lots' own pages: one certificate is active on one page of an opening.
 */
export async function sitDown(
  person: Seat,
  openingIds: readonly string[],
  needs: {
    readonly view: (openingId: string, askTicket: AskTicket | null) => Viewing;
    readonly mayTakeOver: () => Promise<boolean>;
  },
): Promise<SessionSeat | null> {
  const { api } = person.session;
  const held: { openingId: string; role: PersonRole; roles: readonly PersonRole[] }[] = [];
  for (const openingId of openingIds) {
    const { roles } = await api.readRoles(openingId);
    const role = ACTING.find((one) => roles.includes(one));
    if (role !== undefined) held.push({ openingId, role, roles });
  }
  let mayTakeOver = false;
  for (const { openingId } of held) {
    try {
      await api.takeSeat(openingId, mayTakeOver);
    } catch (fault) {
      if (!(fault instanceof ApiError) || fault.code !== 'seat_taken') throw fault;
      mayTakeOver = await needs.mayTakeOver();
      if (!mayTakeOver) return null;
      await api.takeSeat(openingId, true);
    }
  }
  const lots = new Map(
    held.map(({ openingId, role, roles }): [string, LotSeat] => {
      const seat = person.at(openingId, roles).inRole(role);
      return [openingId, { seat, viewing: needs.view(openingId, seat.askTicket) }];
    }),
  );
  const isLost = signal(false);
  const stop = effect(() => {
    const links = [...lots.values()].map(({ viewing }) => viewing.link.value);
    if (links.some((link) => link.kind === 'stopped' && link.why === 'seat_taken')) isLost.value = true;
  });
  return {
    person,
    lots,
    isLost,
    async leave() {
      stop();
      for (const { seat, viewing } of lots.values()) {
        viewing.close();
        seat.outbox.close();
      }
      await person.leave();
    },
  };
}
