/** Questions and chat on the page of an opening: the public room, private threads, a box to write in, and the host's way to silence. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedSubmitEvent } from 'preact';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { MESSAGE_LIMIT_CHARACTERS } from '../../server/core/opening/details.ts';
import { bidOf, numberOf } from '../../server/core/opening/state.ts';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { Icon } from '../parts/icon.tsx';
import { timeText } from '../parts/instant-text.ts';
import { keepText, keptText } from '../parts/kept-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { HeldEntry } from '../replica/replica.ts';
import type { DeskParts } from './desks.tsx';
import { narrowed } from './standing.ts';
import { type Line, type Thread, type ThreadKey, threadsOf } from './threads.ts';
import { say } from './words.ts';

/** Lines of one thread that are shown. */
const SHOWN_LINES = 50;

export function ChatDesk(
  parts: DeskParts & {
    readonly entries: readonly HeldEntry[];
    /** Gives an act without a further step: what was written is read by its writer before it is sent. */
    readonly onSay: (data: JsonObject) => Promise<boolean>;
  },
): JSX.Element | null {
  const { stand, offers, entries, onSay } = parts;
  const own = stand.role === 'bidder' ? numberOf(stand.state, stand.creditCode) : null;
  // a bidder has one thread with the host, and hears nothing of the others
  const threads = threadsOf(entries).filter(({ key }) => stand.role !== 'bidder' || key === 'all' || key === own);
  const chosen = useSignal<ThreadKey>('all');
  const saying = offers.find(({ type }) => type === 'Say');
  const choice = saying?.fields.find(({ name }) => name === 'to');
  const options = choice?.kind === 'choice' ? choice.options : [];
  if (saying === undefined && threads.every(({ lines }) => lines.length === 0)) return null;
  const isNew = own !== null && threads.every(({ key }) => key !== own);
  const keys: ThreadKey[] = [
    ...threads.map(({ key }) => key),
    ...(isNew ? [own] : []),
    ...options.map(Number).filter((n) => !Number.isNaN(n) && threads.every(({ key }) => key !== n)),
  ];
  const thread = threads.find(({ key }) => key === chosen.value) ?? {
    key: chosen.value,
    lines: [],
    isUnanswered: false,
  };
  const to = thread.key === own ? 'host' : thread.key;
  return (
    <Section id="chat" title={say('chat')} aside={<Waiting threads={threads} />}>
      <p class="section-words">{say('chatWords')}</p>
      <label class="chat-threads">
        <span class="unseen">{say('chat')}</span>
        <select
          value={String(chosen.value)}
          onChange={({ currentTarget: { value } }) => {
            chosen.value = value === 'all' ? 'all' : Number(value);
          }}
        >
          {keys.map((key) => (
            <option key={key} value={String(key)}>
              {key === own ? say('toHost') : threadName(key, threads)}
            </option>
          ))}
        </select>
      </label>
      <Silence {...parts} thread={thread.key} />
      {thread.lines.length === 0 ? (
        <p class="empty">{say('nothingSaid')}</p>
      ) : (
        <ol class="chat" aria-live="polite">
          {thread.lines.slice(-SHOWN_LINES).map((line) => (
            <Said key={line.seq} line={line} />
          ))}
        </ol>
      )}
      {options.includes(String(to)) ? (
        <SayBox key={to} stand={stand} to={to} onSay={onSay} />
      ) : (
        <p class="label">
          {say(whyMute({ role: stand.role, isPrivate: thread.key !== 'all', isSilent: options.length === 0 }))}
        </p>
      )}
    </Section>
  );
}

/** Why nothing can be said in a thread: to whom it belongs, or that its bidder is muted. */
function whyMute(of: { readonly role: string; readonly isPrivate: boolean; readonly isSilent: boolean }) {
  if (of.isSilent || of.role === 'host') return 'notNow';
  if (of.role === 'bidder') return 'youAreMuted';
  return of.isPrivate ? 'hostAnswers' : 'notNow';
}

function Waiting({ threads }: { threads: readonly Thread[] }): JSX.Element | null {
  const count = threads.filter(({ isUnanswered }) => isUnanswered).length;
  if (count === 0) return null;
  return (
    <span class="tone-warn">
      <Icon name="question" /> <span class="number">{count}</span> {say('unanswered')}
    </span>
  );
}

function threadName(key: ThreadKey, threads: readonly Thread[]): string {
  if (key === 'all') return say('toAll');
  const isUnanswered = threads.some((thread) => thread.key === key && thread.isUnanswered);
  return `${say('bidderNumber', { n: key })}${isUnanswered ? ` · ${say('unanswered')}` : ''}`;
}

/** The host silences a bidder in public, or lets it speak again. */
function Silence({ stand, offers, onChoose, thread }: DeskParts & { readonly thread: ThreadKey }): JSX.Element | null {
  if (thread === 'all') return null;
  const type = bidOf(stand.state, thread)?.muted === true ? 'Unmute' : 'Mute';
  const offer = offers.find((one) => one.type === type);
  const own = offer === undefined ? null : narrowed(stand, offer, 'bidder', String(thread));
  return (
    <p class="desk">
      {type === 'Unmute' ? <span class="tone-warn">{say('muted')} </span> : null}
      {own === null ? null : (
        <button type="button" onClick={() => onChoose(own, { bidder: String(thread) })}>
          {say(type === 'Mute' ? 'mute' : 'unmute')}
        </button>
      )}
    </p>
  );
}

function Said({ line }: { line: Line }): JSX.Element {
  const { by, at, text } = line;
  return (
    <li class="chat-line">
      <p class="label">
        <time class="number">{timeText(at, language.value)}</time>{' '}
        <b class="chat-speaker">
          {typeof by === 'number' ? say('bidderNumber', { n: by }) : ROLE_WORDS[language.value][by]}
        </b>
      </p>
      <p class={text === null ? 'empty' : 'verbatim'} dir="auto">
        {text ?? say('objectionHidden')}
      </p>
    </li>
  );
}

/** What is to be kept of a box whose words were taken: what was typed behind them meanwhile. */
export function leftOf(typed: string, sent: string): string {
  return typed.startsWith(sent) ? typed.slice(sent.length).replace(/^\s+/, '') : typed;
}

function SayBox(props: {
  readonly stand: DeskParts['stand'];
  readonly to: ThreadKey | 'host';
  readonly onSay: (data: JsonObject) => Promise<boolean>;
}): JSX.Element {
  const { stand, to, onSay } = props;
  // by whoever types it: what one has begun to ask in private is not for who comes to this tab next
  const key = `kaibiao.say ${stand.state.openingId} ${stand.role} ${stand.creditCode} ${to}`;
  const text = useSignal(keptText(key, 'tab') ?? '');
  const fault = useSignal<string | null>(null);
  const isSent = useSignal(false);
  const write = (words: string): void => {
    text.value = words;
    keepText(key, words === '' ? null : words, 'tab');
  };

  async function submit(event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const words = text.value.normalize('NFC');
    const isEmpty = words.trim() === '';
    fault.value = isEmpty
      ? say('sayEmpty')
      : words.length > MESSAGE_LIMIT_CHARACTERS
        ? say('sayLong', { n: MESSAGE_LIMIT_CHARACTERS })
        : null;
    if (fault.value !== null || isSent.value) return;
    isSent.value = true;
    // what was not taken stays to be sent again, or changed
    const sent = text.value;
    if (await onSay({ to, text: words })) write(leftOf(text.value, sent));
    isSent.value = false;
  }

  return (
    <form class="form chat-box" onSubmit={submit} noValidate>
      <label class="field">
        <span class="unseen">{say('sayLabel')}</span>
        <textarea
          dir="auto"
          rows={3}
          maxLength={MESSAGE_LIMIT_CHARACTERS}
          aria-invalid={fault.value !== null}
          aria-describedby="say-fault"
          value={text.value}
          onInput={({ currentTarget }) => write(currentTarget.value)}
        />
        <span id="say-fault" class="field-fault" role="alert">
          {fault.value ?? ''}
        </span>
      </label>
      <p class="form-end">
        <button type="submit" class="strong" disabled={isSent.value}>
          {say('send')}
        </button>
      </p>
    </form>
  );
}
