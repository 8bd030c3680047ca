/** The lobby: which openings go on, which are to come and when, which are over, and the way into each. */
import { type ReadonlySignal, useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import type { Found } from '../connection/ask-again.ts';
import { PlainTop } from '../opening/plain-top.tsx';
import { PHASE_WORDS } from '../opening/term-words.ts';
import { say as sayOfOpening } from '../opening/words.ts';
import { Icon } from '../parts/icon.tsx';
import { countdownOf, dayText, dayTimeText, timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Message } from '../parts/message.tsx';
import { EmptySection, Section } from '../parts/section.tsx';
import { dutyOf } from './duties.ts';
import {
  GROUPS,
  type Group,
  grouped,
  type ListedOpening,
  type LobbyList,
  nextOf,
  PAGE_LIMIT,
  PAGES_LIMIT,
} from './openings.ts';
import { chooseRole, lookingAs } from './role.ts';
import { RoleChoice } from './role-choice.tsx';
import { say } from './words.ts';

export type PageParts = {
  readonly found: ReadonlySignal<Found<LobbyList>>;
  /** The server's now, whole seconds; null before it is known. */
  readonly now: ReadonlySignal<number | null>;
};

export function Page({ found, now }: PageParts): JSX.Element {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.title = `${say('lobby')} · ${sayOfOpening('product')}`;
  });
  const present = found.value;
  return (
    <>
      <PlainTop word={say('lobby')} />
      {typeof present === 'object' ? (
        <Openings list={present} now={now} />
      ) : (
        <main id="main" class="blank" tabIndex={-1}>
          <Message title={say('loading')} words={say(present === 'asking' ? 'loadingWords' : 'noAnswer')} />
        </main>
      )}
    </>
  );
}

function Openings({ list, now }: { list: LobbyList; now: PageParts['now'] }): JSX.Element {
  const search = useSignal('');
  const groups = grouped(list.openings, search.value);
  const next = nextOf(list.openings, now.value);
  return (
    <main id="main" tabIndex={-1}>
      <h1 class="unseen">{say('lobby')}</h1>
      <Clock next={next} now={now} />
      <div class="lobby-search">
        <label class="unseen" for="search">
          {say('search')}
        </label>
        <input
          id="search"
          type="search"
          placeholder={say('search')}
          value={search.value}
          onInput={({ currentTarget }) => {
            search.value = currentTarget.value;
          }}
        />
        <RoleChoice label={say('lookingAs')} value={lookingAs.value} onChoose={chooseRole} />
        <a href={`/preflight?role=${lookingAs.value}`}>{say('preflight')}</a>
        {lookingAs.value === 'host' ? <a href="/draft">{say('draft')}</a> : null}
      </div>
      {list.isCut ? (
        <p class="banner tone-warn" role="status">
          <Icon name="warning" /> <span>{say('isCut', { n: PAGE_LIMIT * PAGES_LIMIT })}</span>
        </p>
      ) : null}
      {GROUPS.map((group) => (
        <Part key={group} group={group} openings={groups[group]} now={now} />
      ))}
      <p class="label">
        {say('words')} <a href="/verify">{say('verify')}</a>
      </p>
    </main>
  );
}

function Clock({ next, now }: { next: ListedOpening | undefined; now: PageParts['now'] }): JSX.Element {
  const present = now.value;
  return (
    <section class="now" aria-label={sayOfOpening('serverTime')}>
      {next === undefined ? null : (
        <div class="now-phase">
          <p class="label">{say('nextOpening')}</p>
          <p class="lobby-next">
            <a href={`/openings/${next.openingId}`}>
              <bdi>{next.title}</bdi>
            </a>
          </p>
          <p class="label">{dayTimeText(next.deadlineAt, language.value)}</p>
        </div>
      )}
      {next === undefined ? null : (
        <div class="now-clock">
          <p class="label">{say('until')}</p>
          <p class="countdown" role="timer">
            <Left at={next.deadlineAt} now={present} />
          </p>
        </div>
      )}
      <div class="now-time">
        <p class="label">{sayOfOpening('serverTime')}</p>
        <p class="server-time">{present === null ? '--:--:--' : timeText(present, language.value)}</p>
        <p class="label">{present === null ? '' : dayText(present, language.value)}</p>
      </div>
    </section>
  );
}

function Part(props: { group: Group; openings: readonly ListedOpening[]; now: PageParts['now'] }): JSX.Element {
  const { group, openings, now } = props;
  const role = lookingAs.value;
  const hasDuties = role !== 'public' && group !== 'over';
  if (openings.length === 0) return <EmptySection id={group} title={say(group)} words={say(`none_${group}`)} />;
  return (
    <Section id={group} title={say(group)} aside={<span class="number">{openings.length}</span>}>
      <div class="table-frame">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{say('opening')}</th>
              <th scope="col">{say('phase')}</th>
              <th scope="col">{say('time')}</th>
              {group === 'coming' ? <th scope="col">{say('until')}</th> : null}
              {hasDuties ? <th scope="col">{say('duty')}</th> : null}
            </tr>
          </thead>
          <tbody>
            {openings.map(({ openingId, title, phase, deadlineAt }) => (
              <tr key={openingId}>
                <th scope="row" data-label={say('opening')}>
                  <a href={`/openings/${openingId}`}>
                    <bdi>{title}</bdi>
                  </a>{' '}
                  <span class="code">{openingId}</span>
                </th>
                <td data-label={say('phase')}>
                  <span>{PHASE_WORDS[language.value][phase].name}</span>
                </td>
                <td data-label={say('time')}>
                  <span class="number">{dayTimeText(deadlineAt, language.value)}</span>
                </td>
                {group === 'coming' ? (
                  <td data-label={say('until')}>
                    <span class="number">
                      {phase === 'Postponed' ? null : <Left at={deadlineAt} now={now.value} />}
                    </span>
                  </td>
                ) : null}
                {hasDuties ? (
                  <td data-label={say('duty')}>
                    <Duty phase={phase} />
                  </td>
                ) : null}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

/** What whoever looks has to do now in an opening of this phase. */
function Duty({ phase }: { phase: ListedOpening['phase'] }): JSX.Element {
  const duty = dutyOf(lookingAs.value, phase);
  return duty === null ? (
    <span class="label">{say('duty_none')}</span>
  ) : (
    <span class="duty">
      <Icon name="arrow" /> {say(`duty_${duty}`)}
    </span>
  );
}

function Left({ at, now }: { at: number; now: number | null }): JSX.Element {
  if (now === null) return <>--:--</>;
  const { days, clock } = countdownOf(Math.max(0, at - now));
  return (
    <>
      {days === 0 ? null : <span class="countdown-days">{sayOfOpening('days', { days })} </span>}
      {clock}
    </>
  );
}
