/** Asks for a certificate file and its password, and logs in with them. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedSubmitEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../../server/client/transport.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { language } from '../parts/language.ts';
import { Dialog } from './dialog.tsx';
import type { Seat } from './seat.ts';
import { SeatError, takeSeat } from './take-seat.ts';
import { say } from './words.ts';

/** The largest file that is looked at, bytes; one with a chain of four is 10 KB. */
const FILE_LIMIT_BYTES = 1_048_576;

export function LoginDialog(props: {
  readonly openingId: string;
  /** The server's now, as far as the page knows it. */
  readonly now: () => number;
  readonly onSeat: (seat: Seat) => void;
  readonly onClose: () => void;
}): JSX.Element {
  const isBusy = useSignal(false);
  const fault = useSignal<unknown>(null);
  /** Whoever closes the dialog is not logged in a moment later. */
  const isGone = useRef(false);
  useEffect(
    () => () => {
      isGone.current = true;
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
      const files = form.getAll('files').map(keyFileOf);
      const seat = await takeSeat({
        openingId: props.openingId,
        now: props.now,
        files,
        password: String(form.get('password') ?? ''),
      });
      if (isGone.current) await seat.leave();
      else props.onSeat(seat);
    } catch (error) {
      fault.value = error;
    } finally {
      isBusy.value = false;
    }
  }

  return (
    <Dialog title={say('logInTitle')} onClose={props.onClose}>
      <p class="dialog-words">{say('logInWords')}</p>
      <form class="form" onSubmit={submit}>
        <label class="field">
          <span>{say('files')}</span>
          <input name="files" type="file" accept=".pfx,.p12,application/x-pkcs12" multiple required />
          <span class="field-hint">{say('filesHint')}</span>
        </label>
        <label class="field">
          <span>{say('password')}</span>
          <input name="password" type="password" autocomplete="off" />
        </label>
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

function keyFileOf(value: FormDataEntryValue): Blob {
  if (typeof value === 'string' || value.size > FILE_LIMIT_BYTES)
    throw new KeyFileError('key_file_unknown', 'too large');
  return value;
}

/** What went wrong, for the person in front of the page. */
export function faultWords(fault: unknown): string {
  if (fault instanceof KeyFileError || fault instanceof SeatError) return say(fault.code);
  if (fault instanceof ApiError) {
    if (fault.code === 'unreachable') return say('unreachable');
    if (fault.words !== null) return language.value === 'en' ? fault.words.en : fault.words.zh;
    return say('otherFault', { code: fault.code });
  }
  return say('otherFault', { code: fault instanceof Error ? fault.message : String(fault) });
}
