/** Asks where a person's key is, in a file or in a token behind the agent on this computer, and logs in with it. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedSubmitEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { AgentProblemError } from '../../server/client/agent-keys.ts';
import { ApiError } from '../../server/client/transport.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { fileKeys, type SeatKeys, type TypeCode, tokenKeys } from '../keys/seat-keys.ts';
import { language } from '../parts/language.ts';
import { AgentAsks } from './agent-asks.tsx';
import { Dialog } from './dialog.tsx';
import type { Seat } from './seat.ts';
import { agentPort, SeatError, takeSeat } from './take-seat.ts';
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
  const isToken = useSignal(false);
  /** Takes the answer whether to take over the seat of another page; null while that is not asked. */
  const answerTakeOver = useSignal<((isYes: boolean) => void) | null>(null);
  /** What takes the agent's code; null before it shows one. */
  const typeCode = useSignal<TypeCode | null>(null);
  /** Whoever closes the dialog is not logged in a moment later. */
  const isGone = useRef(false);
  useEffect(
    () => () => {
      isGone.current = true;
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
      const openKeys = await keysIn(form);
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

  /** What opens the keys; null when a code must be typed first. */
  async function keysIn(form: FormData): Promise<(() => Promise<SeatKeys>) | null> {
    if (!isToken.value) {
      const files = form.getAll('files').map(keyFileOf);
      return () => fileKeys(files, String(form.get('password') ?? ''));
    }
    const typeIt = typeCode.value;
    if (typeIt !== null) {
      const code = String(form.get('code') ?? '').replace(/\s/g, '');
      try {
        const keys = await typeIt(code);
        typeCode.value = null;
        return async () => keys;
      } catch (error) {
        // of a code that is over there is no more to type
        if (error instanceof AgentProblemError && error.code !== 'agent_code_wrong') typeCode.value = null;
        throw error;
      }
    }
    const found = await tokenKeys(await agentPort());
    if (typeof found !== 'function') return async () => found;
    typeCode.value = found;
    return null;
  }

  function choose(token: boolean): void {
    isToken.value = token;
    typeCode.value = null;
    fault.value = null;
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
        <fieldset class="choice">
          <legend>{say('keyFrom')}</legend>
          <Choice name="file" isChosen={!isToken.value} onChoose={() => choose(false)} />
          <Choice name="token" isChosen={isToken.value} onChoose={() => choose(true)} />
        </fieldset>
        <p class="dialog-words">{say(isToken.value ? 'tokenWords' : 'logInWords')}</p>
        {isToken.value ? <TokenFields isCodeAsked={typeCode.value !== null} /> : <FileFields />}
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

function Choice(props: {
  readonly name: 'file' | 'token';
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}): JSX.Element {
  return (
    <label>
      <input type="radio" name="key" value={props.name} checked={props.isChosen} onChange={props.onChoose} />
      <span>{say(props.name === 'file' ? 'keyInFile' : 'keyInToken')}</span>
    </label>
  );
}

function FileFields(): JSX.Element {
  return (
    <>
      <label class="field">
        <span>{say('files')}</span>
        <input name="files" type="file" accept=".pfx,.p12,application/x-pkcs12" multiple required />
        <span class="field-hint">{say('filesHint')}</span>
      </label>
      <label class="field">
        <span>{say('password')}</span>
        <input name="password" type="password" autocomplete="off" />
      </label>
    </>
  );
}

/** The code of the pairing, once the agent shows one, and what it asks after that. */
function TokenFields({ isCodeAsked }: { readonly isCodeAsked: boolean }): JSX.Element {
  return (
    <>
      {isCodeAsked ? (
        <label class="field">
          <span>{say('pairingCode')}</span>
          <input name="code" inputMode="numeric" autocomplete="off" required autofocus />
          <span class="field-hint">{say('pairingHint')}</span>
        </label>
      ) : null}
      <AgentAsks />
    </>
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
  if (fault instanceof AgentProblemError) return language.value === 'en' ? fault.words.en : fault.words.zh;
  if (fault instanceof ApiError) {
    if (fault.code === 'unreachable') return say('unreachable');
    if (fault.words !== null) return language.value === 'en' ? fault.words.en : fault.words.zh;
    return say('otherFault', { code: fault.code });
  }
  return say('otherFault', { code: fault instanceof Error ? fault.message : String(fault) });
}
