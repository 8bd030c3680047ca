/** Asks where a person's key is, in a file, in a token behind the agent on this computer, or on a phone, and logs in with it. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedSubmitEvent } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { AgentProblemError } from '../../server/client/agent-keys.ts';
import { ApiError } from '../../server/client/transport.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { language } from '../parts/language.ts';
import { Dialog } from './dialog.tsx';
import { createKeyChoice, KeyFields } from './key-choice.tsx';
import type { Seat } from './seat.ts';
import { SeatError, takeSeat } from './take-seat.ts';
import { say } from './words.ts';

export function LoginDialog(props: {
  readonly openingId: string;
  /** The server's now, as far as the page knows it. */
  readonly now: () => number;
  readonly onSeat: (seat: Seat) => void;
  readonly onClose: () => void;
}): JSX.Element {
  const isBusy = useSignal(false);
  const fault = useSignal<unknown>(null);
  const choice = useMemo(createKeyChoice, []);
  /** Takes the answer whether to take over the seat of another page; null while that is not asked. */
  const answerTakeOver = useSignal<((isYes: boolean) => void) | null>(null);
  /** Whoever closes the dialog is not logged in a moment later. */
  const isGone = useRef(false);
  useEffect(
    () => () => {
      isGone.current = true;
      choice.leave();
      answerTakeOver.peek()?.(false);
    },
    [],
  );

  async function submit(event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (isBusy.value) return;
    const form = new FormData(event.currentTarget);
    isBusy.value = true;
    fault.value = null;
    try {
      const openKeys = await choice.keysIn(form);
      if (openKeys === null) return;
      const seat = await takeSeat({ openingId: props.openingId, now: props.now, openKeys, mayTakeOver });
      if (isGone.current) await seat.leave();
      else props.onSeat(seat);
    } catch (error) {
      fault.value = error;
    } finally {
      isBusy.value = false;
    }
  }

  /** Lays the question before the person, and waits. */
  function mayTakeOver(): Promise<boolean> {
    return new Promise((answer) => {
      answerTakeOver.value = (isYes) => {
        answerTakeOver.value = null;
        answer(isYes);
      };
    });
  }

  const takeOver = answerTakeOver.value;
  if (takeOver !== null)
    return (
      <Dialog title={say('takeOverTitle')} onClose={props.onClose}>
        <p class="dialog-words">{say('takeOverWords')}</p>
        <p class="form-end">
          <button type="button" onClick={() => takeOver(false)}>
            {say('cancel')}
          </button>
          <button type="button" class="strong" onClick={() => takeOver(true)}>
            {say('takeOver')}
          </button>
        </p>
      </Dialog>
    );
  return (
    <Dialog title={say('logInTitle')} onClose={props.onClose}>
      <form class="form" onSubmit={submit}>
        <KeyFields
          choice={choice}
          fileWords={say('logInWords')}
          onChoose={() => {
            fault.value = null;
          }}
        />
        <p class="label">
          <a href={`/preflight${props.openingId === '' ? '' : `?opening=${props.openingId}`}`}>{say('toPreflight')}</a>
        </p>
        <p class="field-fault" role="alert">
          {fault.value === null ? '' : faultWords(fault.value)}
        </p>
        <p class="form-end">
          <button type="button" onClick={props.onClose}>
            {say('cancel')}
          </button>
          <button type="submit" class="strong" disabled={isBusy.value}>
            {isBusy.value ? say('loggingIn') : say('logIn')}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

/** What went wrong, for the person in front of the page. */
export function faultWords(fault: unknown): string {
  if (fault instanceof KeyFileError || fault instanceof SeatError) return say(fault.code);
  if (fault instanceof AgentProblemError) return language.value === 'en' ? fault.words.en : fault.words.zh;
  if (fault instanceof ApiError) {
    if (fault.code === 'unreachable') return say('unreachable');
    if (fault.words !== null) return language.value === 'en' ? fault.words.en : fault.words.zh;
    return say('otherFault', { code: fault.code });
  }
  return say('otherFault', { code: fault instanceof Error ? fault.message : String(fault) });
}
