/** The witness log itself: every entry as a sentence, and on demand its exact text and what came with it. */
import { useSignal } from '@preact/signals';
import { type ComponentChildren, Fragment, type JSX } from 'preact';
import { dayText, timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { HeldEntry } from '../replica/replica.ts';
import { sentenceOf } from './sentences.ts';
import { say } from './words.ts';

/** Entries shown at first, and again each time more are asked for. */
const PAGE_ENTRIES = 20;

type Shown = Pick<HeldEntry, 'entry' | 'event' | 'text'>;

export function Feed({ entries }: { entries: readonly Shown[] }): JSX.Element {
  const limit = useSignal(PAGE_ENTRIES);
  const first = Math.max(0, entries.length - limit.value);
  return (
    <Section id="feed" title={say('feed')}>
      <p class="section-words">{say('feedWords')}</p>
      <ol class="feed">
        {entries
          .slice(first)
          .reverse()
          .map((held, i, shown) => (
            <Fragment key={held.entry.seq}>
              {i === 0 || dayOf(held) === dayOf(shown[i - 1] ?? held) ? null : <li class="day">{dayOf(held)}</li>}
              <Entry held={held} />
            </Fragment>
          ))}
      </ol>
      {first === 0 ? null : (
        <button
          type="button"
          class="more"
          onClick={() => {
            limit.value += PAGE_ENTRIES;
          }}
        >
          {say('feedMore', { n: first })}
        </button>
      )}
    </Section>
  );
}

/** The day an entry was made on, said where the list goes back to an earlier one. */
function dayOf(held: Shown): string {
  return dayText(held.event.at, language.value);
}

/** One entry: number, time and sentence, and unfolded its exact text. `children` stand behind the sentence. */
export function Entry({ held, children }: { held: Shown; children?: ComponentChildren }): JSX.Element {
  // the exact text is put on the page only for those who ask for it
  const isOpen = useSignal(false);
  return (
    <li class="entry">
      <details
        onToggle={(event) => {
          isOpen.value = event.currentTarget.open;
        }}
      >
        <summary>
          <span class="entry-seq number">{held.entry.seq}</span>
          <time class="number" dateTime={held.entry.at}>
            {timeText(held.event.at, language.value)}
          </time>
          <span class="entry-words">
            {sentenceOf(held.event, language.value)} {children}
          </span>
        </summary>
        {isOpen.value ? <Inside held={held} /> : null}
      </details>
    </li>
  );
}

function Inside({ held }: { held: Shown }): JSX.Element {
  const { event, text } = held;
  const fields = Object.entries(event.fields);
  return (
    <div class="entry-inside">
      {event.receivedAt === undefined ? null : (
        <p class="label">{say('receivedAt', { time: timeText(event.receivedAt, language.value) })}</p>
      )}
      <p class="label">{say('exact')}</p>
      <pre class="exact">{text}</pre>
      {fields.length === 0 ? null : (
        <>
          <p class="label">{say('fields')}</p>
          <dl class="fields">
            {fields.map(([name, field]) => (
              <div key={name}>
                <dt class="code">{name}</dt>
                <dd>
                  {field.known ? <pre class="exact">{JSON.stringify(field.value, null, 1)}</pre> : say('fieldWithheld')}
                </dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </div>
  );
}
