/** The notice column: what everyone must have seen, with the server's time, never lost on reload because it is the log. */
import type { JSX } from 'preact';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { EmptySection, Section } from '../parts/section.tsx';
import type { HeldEntry } from '../replica/replica.ts';
import { noticesOf, reasonOf } from './notices.ts';
import { sentenceOf } from './sentences.ts';
import { say } from './words.ts';

export function NoticeColumn({ entries }: { entries: readonly HeldEntry[] }): JSX.Element {
  const notices = noticesOf(entries);
  if (notices.length === 0) return <EmptySection id="notices" title={say('notices')} words={say('noticesEmpty')} />;
  return (
    <Section id="notices" title={say('notices')}>
      <ol class="notices">
        {notices.map((notice) => (
          <Notice key={notice.entry.seq} notice={notice} />
        ))}
      </ol>
    </Section>
  );
}

function Notice({ notice }: { notice: HeldEntry }): JSX.Element {
  const reason = reasonOf(notice);
  return (
    <li class="notice">
      <time class="number" dateTime={notice.entry.at}>
        {timeText(notice.event.at, language.value)}
      </time>
      <div>
        <p>{sentenceOf(notice.event, language.value)}</p>
        {reason === null ? null : (
          <q class="verbatim">
            <bdi>{reason}</bdi>
          </q>
        )}
      </div>
    </li>
  );
}
