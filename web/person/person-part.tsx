/** Everything that only somebody with a key needs, fetched when they ask for it: the log-in, and their part of the page. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useCallback, useEffect } from 'preact/hooks';
import { ApiError } from '../../server/client/transport.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { BidPart } from '../bid/bid-part.tsx';
import { RightsCard } from '../bid/rights-card.tsx';
import type { Viewing } from '../opening/viewing.ts';
import { AgentAsks } from './agent-asks.tsx';
import { LoginDialog } from './login-dialog.tsx';
import { MyPart } from './my-part.tsx';
import './person.css';
import type { Seat } from './seat.ts';

/** Whoever has no part in the opening may become its bidder. */
const MAY_BID: ReadonlySet<PersonRole> = new Set(['bidder', 'public']);

export type PersonPartProps = {
  readonly viewing: Viewing;
  readonly seat: Seat | null;
  /** Whether the log-in is open. */
  readonly isAsking: boolean;
  /** The server's now, as far as the page knows it; asked for as long as the seat is held. */
  readonly now: () => number;
  readonly onSeat: (seat: Seat) => void;
  readonly onClose: () => void;
  readonly onFault: (fault: unknown) => void;
};

export function PersonPart({ viewing, seat, isAsking, now, onSeat, onClose, onFault }: PersonPartProps): JSX.Element {
  const view = viewing.view.value;
  const phase = view.state?.phase;
  const looks = useSignal(0);
  const lookAgain = useCallback(() => {
    looks.value += 1;
  }, [looks]);
  const asked = looks.value;
  // a role is given, taken, or got by lodging: looked for whenever the opening goes on
  useEffect(() => {
    if (seat === null || phase === undefined) return undefined;
    let isOver = false;
    seat.withRolesOfNow().then(
      (changed) => {
        if (changed !== null && !isOver) onSeat(changed);
      },
      (fault: unknown) => {
        if (!(fault instanceof ApiError)) onFault(fault);
      },
    );
    return () => {
      isOver = true;
    };
  }, [phase, asked, seat, onSeat, onFault]);
  // what was cut off on its way goes again as soon as there is a way
  const isOpen = viewing.link.value.kind === 'open';
  useEffect(() => {
    if (isOpen) seat?.outbox.hurry();
  }, [isOpen, seat]);
  return (
    <>
      {isAsking ? null : <AgentAsks />}
      {isAsking ? <LoginDialog openingId={viewing.openingId} now={now} onSeat={onSeat} onClose={onClose} /> : null}
      {seat === null || view.state === null ? null : (
        <MyPart
          key={`${seat.creditCode} ${seat.role}`}
          seat={seat}
          view={view}
          state={view.state}
          now={viewing.now.value ?? now()}
          onFault={onFault}
        />
      )}
      {seat === null || view.state === null || seat.role !== 'bidder' ? null : (
        <RightsCard
          state={view.state}
          entries={view.entries}
          creditCode={seat.creditCode}
          now={viewing.now.value ?? now()}
        />
      )}
      {seat === null || view.state === null || !MAY_BID.has(seat.role) ? null : (
        <BidPart
          key={seat.creditCode}
          seat={seat}
          view={view}
          state={view.state}
          now={viewing.now.value ?? now()}
          onLodged={lookAgain}
          onFault={onFault}
        />
      )}
    </>
  );
}
