/** Plays what can only be heard, and asks whether it was. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Desk } from './desk.ts';
import { chineseVoice, playTone, speak } from './sound.ts';
import { say } from './words.ts';

export function SoundPart({
  desk,
  onFault,
}: {
  readonly desk: Desk;
  readonly onFault: (fault: unknown) => void;
}): JSX.Element {
  const isPlayed = useSignal(false);
  const hasVoice = desk.lines.value.sound.some(({ check, level }) => check === 'voice' && level === 'good');

  async function play(): Promise<void> {
    const isThere = await playTone();
    isPlayed.value = isThere;
    if (!isThere) desk.heard(false);
  }
  async function talk(): Promise<void> {
    const voice = await chineseVoice();
    if (voice !== null) speak(voice, say('voiceSample'));
  }
  const answer = (isHeard: boolean): void => {
    isPlayed.value = false;
    desk.heard(isHeard);
  };
  return (
    <>
      <p class="preflight-acts">
        <button type="button" onClick={() => play().catch(onFault)}>
          {say('playTone')}
        </button>
        {hasVoice ? (
          <button type="button" onClick={() => talk().catch(onFault)}>
            {say('playVoice')}
          </button>
        ) : null}
      </p>
      <div role="status">
        {isPlayed.value ? (
          <p class="preflight-acts">
            <span>{say('tonePlayed')}</span>
            <button type="button" onClick={() => answer(true)}>
              {say('hear')}
            </button>
            <button type="button" onClick={() => answer(false)}>
              {say('hearNot')}
            </button>
          </p>
        ) : null}
      </div>
      <p class="label">{say('noVideo')}</p>
    </>
  );
}
