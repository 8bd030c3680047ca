/** What somebody with a key does on the page of a session, fetched when they ask for it: the log-in, and acts over several lots. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { viewHere } from '../opening/browser-viewing.ts';
import { Dialog } from '../person/dialog.tsx';
import { faultWords, LoginDialog } from '../person/login-dialog.tsx';
import '../person/person.css';
import type { Seat } from '../person/seat.ts';
import { say as sayOfPerson } from '../person/words.ts';
import { BatchDesk } from './batch-desk.tsx';
import { sitDown } from './host-seat.ts';
import type { Room } from './room.ts';
import { say } from './words.ts';

export type HostPartProps = {
  readonly sessionId: string;
  readonly room: Room;
  readonly lotNames: ReadonlyMap<string, string>;
};

export function HostPart({ sessionId, room, lotNames }: HostPartProps): JSX.Element {
  const fault = useSignal<unknown>(null);
  const question = useSignal<((isYes: boolean) => void) | null>(null);
  const seat = room.seat.value;

  function mayTakeOver(): Promise<boolean> {
    return new Promise((answer) => {
      question.value = (isYes) => {
        question.value = null;
        answer(isYes);
      };
    });
  }

  async function sit(person: Seat): Promise<void> {
    room.stopAsking();
    fault.value = null;
    try {
      const taken = await sitDown(person, [...lotNames.keys()], { view: viewHere, mayTakeOver });
      if (taken === null) await person.leave();
      else if (taken.lots.size > 0) return room.sit(taken);
      else await taken.leave();
      fault.value = taken === null ? sayOfPerson('seat_left') : say('batchNoRole');
    } catch (error) {
      fault.value = faultWords(error);
      await person.leave();
    }
  }

  const answer = question.value;
  return (
    <>
      {room.isAsking.value ? (
        <LoginDialog openingId="" now={room.now} onSeat={(person) => void sit(person)} onClose={room.stopAsking} />
      ) : null}
      {answer === null ? null : (
        <Dialog title={sayOfPerson('takeOverTitle')} onClose={() => answer(false)}>
          <p class="dialog-words">{say('takeOverLots')}</p>
          <p class="form-end">
            <button type="button" onClick={() => answer(false)}>
              {sayOfPerson('cancel')}
            </button>
            <button type="button" class="strong" onClick={() => answer(true)}>
              {sayOfPerson('takeOver')}
            </button>
          </p>
        </Dialog>
      )}
      <p class="field-fault" role="alert">
        {fault.value === null ? '' : String(fault.value)}
      </p>
      {seat === null ? null : <BatchDesk sessionId={sessionId} room={seat} lotNames={lotNames} onFault={room.report} />}
    </>
  );
}
