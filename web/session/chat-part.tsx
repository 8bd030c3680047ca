/** The room's chat on the page: who said what in which lot, the newest last, as in any conversation. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { EmptySection, Section } from '../parts/section.tsx';
import type { ChatLine } from './chat.ts';
import { say } from './words.ts';

/** Lines shown at first, and again each time more are asked for. */
const PAGE_LINES = 50;

/** `lotNames` by opening id. */
export function ChatPart(props: { chat: readonly ChatLine[]; lotNames: ReadonlyMap<string, string> }): JSX.Element {
  const { chat, lotNames } = props;
  const limit = useSignal(PAGE_LINES);
  if (chat.length === 0) return <EmptySection id="chat" title={say('chat')} words={say('chatEmpty')} />;
  const first = Math.max(0, chat.length - limit.value);
  return (
    <Section id="chat" title={say('chat')}>
      <p class="section-words">{say('chatWords')}</p>
      {first === 0 ? null : (
        <button
          type="button"
          class="more"
          onClick={() => {
            limit.value += PAGE_LINES;
          }}
        >
          {say('earlier', { n: Math.min(first, PAGE_LINES) })}
        </button>
      )}
      <ol class="chat" aria-live="polite">
        {chat.slice(first).map((line) => (
          <Line key={line.key} line={line} lotNames={lotNames} />
        ))}
      </ol>
    </Section>
  );
}

function Line({ line, lotNames }: { line: ChatLine; lotNames: ReadonlyMap<string, string> }): JSX.Element {
  return (
    <li class={`chat-line chat-${line.kind}`}>
      <p class="label">
        <time class="number">{timeText(line.at, language.value)}</time> <b class="chat-speaker">{speakerOf(line)}</b>{' '}
        {line.kind === 'notice' ? <span class="tone-warn">{say('notice')}</span> : null}
        {line.openingIds.map((openingId) => (
          <bdi key={openingId} class="chat-lot">
            {lotNames.get(openingId) ?? openingId}
          </bdi>
        ))}
      </p>
      {line.text === null ? (
        <p class="label">{say('withheld')}</p>
      ) : (
        <p class="verbatim" dir="auto">
          {line.text}
        </p>
      )}
    </li>
  );
}

const ROLES = {
  host: 'role_host',
  tenderer: 'role_tenderer',
  witness: 'role_witness',
  supervisor: 'role_supervisor',
  auditor: 'role_auditor',
} as const;

function speakerOf({ by }: ChatLine): string {
  if ('bidder' in by) return say('bidder', { n: by.bidder });
  return isOfficial(by.role) ? say(ROLES[by.role]) : by.role;
}

function isOfficial(role: string): role is keyof typeof ROLES {
  return role in ROLES;
}
