/** The part of a form that asks where a person's keys are, in files or in a token behind the agent on this computer, and opens them. */
import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { AgentProblemError } from '../../server/client/agent-keys.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { fileKeys, type SeatKeys, type TypeCode, tokenKeys } from '../keys/seat-keys.ts';
import { AgentAsks } from './agent-asks.tsx';
import { agentPort } from './take-seat.ts';
import { say } from './words.ts';

/** The largest file that is looked at, bytes; one with a chain of four is 10 KB. */
const FILE_LIMIT_BYTES = 1_048_576;

export type KeyChoice = {
  readonly isToken: Signal<boolean>;
  /** What takes the agent's code; null before it shows one. */
  readonly typeCode: Signal<TypeCode | null>;
  choose(isToken: boolean): void;
  /**
   * What opens the keys as the form is filled in; null when a code must be typed first.
   *
   * Throws: KeyFileError, AgentProblemError, ApiError.
   */
  keysIn(form: FormData): Promise<(() => Promise<SeatKeys>) | null>;
};

/** For one form. */
export function createKeyChoice(): KeyChoice {
  const isToken = signal(false);
  const typeCode = signal<TypeCode | null>(null);
  return {
    isToken,
    typeCode,
    choose(token) {
      isToken.value = token;
      typeCode.value = null;
    },
    async keysIn(form) {
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
    },
  };
}

/** `fileWords` says what becomes of a file that is chosen. */
export function KeyFields(props: {
  readonly choice: KeyChoice;
  readonly fileWords: string;
  readonly onChoose: () => void;
}): JSX.Element {
  const { choice, fileWords, onChoose } = props;
  const isToken = choice.isToken.value;
  const choose = (token: boolean): void => {
    choice.choose(token);
    onChoose();
  };
  return (
    <>
      <fieldset class="choice">
        <legend>{say('keyFrom')}</legend>
        <Choice name="file" isChosen={!isToken} onChoose={() => choose(false)} />
        <Choice name="token" isChosen={isToken} onChoose={() => choose(true)} />
      </fieldset>
      <p class="dialog-words">{isToken ? say('tokenWords') : fileWords}</p>
      {isToken ? <TokenFields isCodeAsked={choice.typeCode.value !== null} /> : <FileFields />}
    </>
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
