/** The part of a form that asks where a person's keys are, in files, in a token behind the agent on this computer, or on their phone, and opens them. */
import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { AgentProblemError } from '../../server/client/agent-keys.ts';
import type { Pairing } from '../keys/phone-keys.ts';
import { fileKeys, phoneKeys, type SeatKeys, type TypeCode, tokenKeys } from '../keys/seat-keys.ts';
import { AgentAsks } from './agent-asks.tsx';
import { KeyFileFields, keyFilesIn } from './key-file-fields.tsx';
import { clientWorld, pageTransport } from './page-transport.ts';
import { PhonePairing } from './phone-pairing.tsx';
import { agentPort } from './take-seat.ts';
import { say } from './words.ts';

/** Where keys may be, each with its name and what is said of it. */
const PLACES = {
  file: { name: 'keyInFile', words: null },
  token: { name: 'keyInToken', words: 'tokenWords' },
  phone: { name: 'keyInPhone', words: 'phoneWords' },
} as const;
export type KeyPlace = keyof typeof PLACES;

export type KeyChoice = {
  readonly place: Signal<KeyPlace>;
  /** What takes the agent's code; null before it shows one. */
  readonly typeCode: Signal<TypeCode | null>;
  /** The pairing with a phone that is under way; null when none is. */
  readonly pairing: Signal<Pairing | null>;
  choose(place: KeyPlace): void;
  /** Ends what is under way: nobody waits for it any more. */
  leave(): void;
  /**
   * What opens the keys as the form is filled in; null when a code must be typed first.
   *
   * Throws: KeyFileError, AgentProblemError, ApiError.
   */
  keysIn(form: FormData): Promise<(() => Promise<SeatKeys>) | null>;
};

/** For one form. */
export function createKeyChoice(): KeyChoice {
  const place = signal<KeyPlace>('file');
  const typeCode = signal<TypeCode | null>(null);
  const pairing = signal<Pairing | null>(null);

  /** How often what was under way was left: whoever still waits then is no longer meant. */
  let left = 0;

  /** As long as the phone is being paired the form shows how far it is; null when it was left. Throws: AgentProblemError phone_…; ApiError. */
  async function pairedKeys(): Promise<SeatKeys | null> {
    const begunAt = left;
    const world = clientWorld(() => Date.now());
    const begun = await phoneKeys(pageTransport(world), world);
    if (left === begunAt) pairing.value = begun;
    else begun.end();
    try {
      return await begun.keys;
    } catch (error) {
      if (left !== begunAt) return null;
      throw error;
    } finally {
      if (pairing.value === begun) pairing.value = null;
    }
  }

  function leave(): void {
    left += 1;
    typeCode.value = null;
    pairing.value?.end();
    pairing.value = null;
  }

  return {
    place,
    typeCode,
    pairing,
    leave,
    choose(chosen) {
      leave();
      place.value = chosen;
    },
    async keysIn(form) {
      if (place.value === 'file') {
        const { files, password } = keyFilesIn(form);
        return () => fileKeys(files, password);
      }
      if (place.value === 'phone') {
        const keys = await pairedKeys();
        return keys === null ? null : async () => keys;
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
  const place = choice.place.value;
  const { words } = PLACES[place];
  return (
    <>
      <fieldset class="choice">
        <legend>{say('keyFrom')}</legend>
        {(Object.keys(PLACES) as KeyPlace[]).map((each) => (
          <label key={each}>
            <input
              type="radio"
              name="key"
              value={each}
              checked={each === place}
              onChange={() => {
                choice.choose(each);
                onChoose();
              }}
            />
            <span>{say(PLACES[each].name)}</span>
          </label>
        ))}
      </fieldset>
      <p class="dialog-words">{words === null ? fileWords : say(words)}</p>
      {place === 'file' ? <KeyFileFields /> : null}
      {place === 'token' ? <CodeField isAsked={choice.typeCode.value !== null} /> : null}
      {place === 'phone' ? <PhonePairing pairing={choice.pairing.value} /> : null}
      {place === 'file' ? null : <AgentAsks />}
    </>
  );
}

/** The code of the pairing, once the agent shows one. */
function CodeField({ isAsked }: { readonly isAsked: boolean }): JSX.Element | null {
  if (!isAsked) return null;
  return (
    <label class="field">
      <span>{say('pairingCode')}</span>
      <input name="code" inputMode="numeric" autocomplete="off" required autofocus />
      <span class="field-hint">{say('pairingHint')}</span>
    </label>
  );
}
