/** Everything that only somebody with a key needs, fetched when they ask for it: the log-in, and their part of the page. */
import type { JSX } from 'preact';
import type { Viewing } from '../opening/viewing.ts';
import { LoginDialog } from './login-dialog.tsx';
import { MyPart } from './my-part.tsx';
import './person.css';
import type { Seat } from './seat.ts';

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
  return (
    <>
      {isAsking ? <LoginDialog openingId={viewing.openingId} now={now} onSeat={onSeat} onClose={onClose} /> : null}
      {seat === null || view.state === null ? null : (
        <MyPart seat={seat} view={view} state={view.state} onFault={onFault} />
      )}
    </>
  );
}
