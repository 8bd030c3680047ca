/** What the phone shows: one thing at a time, and each use of the key as a question of its own. */
import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX, TargetedSubmitEvent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Consent } from '../../server/client/key-desk.ts';
import { plain } from '../../server/client/what-is-signed.ts';
import type { Words } from '../../server/core/log/words.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { PlainTop } from '../opening/plain-top.tsx';
import { Icon } from '../parts/icon.tsx';
import { inGroups } from '../parts/in-groups.ts';
import { language } from '../parts/language.ts';
import { Message } from '../parts/message.tsx';
import { KeyFileFields, keyFilesIn } from '../person/key-file-fields.tsx';
import { say as sayPerson } from '../person/words.ts';
import { type Key as PersonKey, zh as personWords } from '../person/words-zh.ts';
import type { Done, PhoneDesk, PhoneState } from './desk.ts';
import { say } from './words.ts';

type Now = () => number;

/** A thumb that was on its way to what stood here before agrees to nothing. */
const READING_MS = 1_000;

const inWords = ({ zh, en }: Words): string => (language.value === 'en' ? en : zh);

export function Page({ desk, now }: { readonly desk: PhoneDesk; readonly now: Now }): JSX.Element {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.title = say('title');
  });
  const state = desk.state.value;
  const others = desk.others.value;
  return (
    <>
      <PlainTop word={say('title')} />
      <main id="main" class="phone" tabIndex={-1} data-state={state.kind}>
        <p class={others === 0 ? '' : 'banner tone-bad'} role="alert">
          {others === 0 ? null : (
            <>
              <Icon name="warning" />
              <strong>{say('other', { n: others })}</strong>
            </>
          )}
        </p>
        <Standing desk={desk} state={state} now={now} />
        <History done={desk.done.value} />
      </main>
    </>
  );
}

function Standing(props: { readonly desk: PhoneDesk; readonly state: PhoneState; readonly now: Now }): JSX.Element {
  const { desk, state, now } = props;
  switch (state.kind) {
    case 'no_code':
      return <Message title={say('noCode')} words={say('noCodeWords')} />;
    case 'not_secure':
      return <Message title={say('notSecure')} words={say('notSecureWords')} />;
    case 'claiming':
      return <Message title={say('claiming')} words={say('claimingWords')} />;
    case 'ended':
      return <Message title={say('ended')} words={inWords(state.words)} />;
    case 'comparing':
      return <Comparing desk={desk} digits={state.digits} />;
    case 'key_asked':
      return <KeyForm desk={desk} />;
    case 'waiting':
      return (
        <Message title={say('waiting')} words={say('waitingWords')}>
          <button type="button" onClick={desk.end}>
            {say('end')}
          </button>
        </Message>
      );
    case 'asked':
      return (
        <Question key={state.consent.digits} desk={desk} consent={state.consent} endsAt={state.endsAt} now={now} />
      );
  }
}

/** Whatever comes anew is read from its title on. */
function Title({ text }: { readonly text: string }): JSX.Element {
  const place = useRef<HTMLHeadingElement>(null);
  useEffect(() => place.current?.focus(), []);
  return (
    <h1 ref={place} tabIndex={-1}>
      {text}
    </h1>
  );
}

function Comparing({ desk, digits }: { readonly desk: PhoneDesk; readonly digits: string }): JSX.Element {
  return (
    <section class="section">
      <Title text={say('compare')} />
      <p class="code-digits">{inGroups(digits)}</p>
      <p class="dialog-words">{say('compareWords')}</p>
      <p class="form-end">
        <button type="button" onClick={() => desk.compare(false)}>
          {say('different')}
        </button>
        <button type="button" class="strong" onClick={() => desk.compare(true)}>
          {say('same')}
        </button>
      </p>
    </section>
  );
}

function faultWords(fault: unknown): string {
  if (fault instanceof KeyFileError) return sayPerson(fault.code);
  return sayPerson('otherFault', { code: fault instanceof Error ? fault.message : String(fault) });
}

function KeyForm({ desk }: { readonly desk: PhoneDesk }): JSX.Element {
  const isBusy = useSignal(false);
  const fault = useSignal<unknown>(null);

  async function submit(event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (isBusy.value) return;
    const form = new FormData(event.currentTarget);
    isBusy.value = true;
    fault.value = null;
    try {
      const { files, password } = keyFilesIn(form);
      await desk.openKey(files, password);
    } catch (error) {
      fault.value = error;
    } finally {
      isBusy.value = false;
    }
  }

  return (
    <section class="section">
      <Title text={say('openKey')} />
      <p class="dialog-words">{say('openKeyWords')}</p>
      <form class="form" onSubmit={submit}>
        <KeyFileFields />
        <p class="field-fault" role="alert">
          {fault.value === null ? '' : faultWords(fault.value)}
        </p>
        <p class="form-end">
          <button type="button" onClick={desk.end}>
            {say('end')}
          </button>
          <button type="submit" class="strong" disabled={isBusy.value}>
            {say(isBusy.value ? 'opening' : 'open')}
          </button>
        </p>
      </form>
    </section>
  );
}

/** An act by the name that its button has, and by its own. */
function commandWords(type: string): string {
  const name = `act_${type}`;
  return Object.hasOwn(personWords, name) ? `${sayPerson(name as PersonKey)} (${type})` : type;
}

function Question(props: {
  readonly desk: PhoneDesk;
  readonly consent: Consent;
  readonly endsAt: number;
  readonly now: Now;
}): JSX.Element {
  const { desk, consent, endsAt, now } = props;
  const left = useSignal(endsAt - now());
  const isReady = useSignal(false);
  useEffect(() => {
    const ready = setTimeout(() => {
      isReady.value = true;
    }, READING_MS);
    return () => clearTimeout(ready);
  }, []);
  useEffect(() => {
    const timer = setInterval(() => {
      left.value = endsAt - now();
    }, 1_000);
    return () => clearInterval(timer);
  }, [endsAt]);
  return (
    <section class="section asked">
      <Title text={say('asked', { what: inWords(consent.shown.title) })} />
      <p class="dialog-words">{say('askedWords')}</p>
      <p class="code-digits">{consent.digits}</p>
      <dl class="fields">
        {consent.shown.rows.map(({ name, label, text }) => (
          <div key={name}>
            <dt>{inWords(label)}</dt>
            <dd data-row={name}>{name === 'command' ? commandWords(text) : plain(text)}</dd>
          </div>
        ))}
      </dl>
      <p class="asked-left">{say('left', { n: Math.max(0, Math.ceil(left.value / 1_000)) })}</p>
      <p class="form-end">
        <button type="button" class="decline" onClick={() => desk.decide(false)}>
          {say('decline')}
        </button>
        <button type="button" class="strong agree" disabled={!isReady.value} onClick={() => desk.decide(true)}>
          {say('agree')}
        </button>
      </p>
    </section>
  );
}

function History({ done }: { readonly done: readonly Done[] }): JSX.Element | null {
  if (done.length === 0) return null;
  return (
    <section class="section" aria-labelledby="done-title">
      <h2 id="done-title">{say('done')}</h2>
      <ul class="done">
        {done.map(({ title, digits, isAgreed }, at) => (
          <li key={done.length - at} class={isAgreed ? 'tone-good' : 'tone-warn'}>
            <Icon name={isAgreed ? 'check' : 'cross'} /> {inWords(title)} · {digits} ·{' '}
            {say(isAgreed ? 'agreed' : 'declined')}
          </li>
        ))}
      </ul>
    </section>
  );
}
