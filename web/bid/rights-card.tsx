/** "What happened to me, and my rights": how one's bid stands and what that means, the entries that made it so, and what may be done until when. */
import type { JSX } from 'preact';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { TONES } from '../opening/bid-status.ts';
import { Entry } from '../opening/feed.tsx';
import { say as sayOpening } from '../opening/words.ts';
import { Icon, type IconName } from '../parts/icon.tsx';
import { countdownOf, dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { HeldEntry } from '../replica/replica.ts';
import type { Law } from './case-events.ts';
import { lawWords } from './law-words.ts';
import { caseOf, type Right } from './my-case.ts';
import { say } from './words.ts';

const ICONS = { quiet: 'dots', busy: 'clock', good: 'check', warn: 'warning', bad: 'cross' } as const satisfies Record<
  (typeof TONES)[keyof typeof TONES],
  IconName
>;

export function RightsCard(props: {
  readonly state: OpeningState;
  readonly entries: readonly HeldEntry[];
  readonly creditCode: string;
  /** The platform's, ms. */
  readonly now: number;
}): JSX.Element | null {
  const { state, entries, creditCode, now } = props;
  const found = caseOf(state, entries, creditCode, now);
  if (found === null) return null;
  const { bidder, status, steps, rights } = found;
  const tone = TONES[status];
  return (
    <Section id="rights" title={say('rights')} aside={say('ofBidder', { n: bidder })}>
      <p class={`rights-status tone-${tone}`}>
        <Icon name={ICONS[tone]} /> {sayOpening(`status_${status}`)}
      </p>
      <p>{say(`mean_${status}`)}</p>
      <h3>{say('whatYouMay')}</h3>
      {rights.length === 0 ? <p class="empty">{say('nothingNow')}</p> : null}
      <ul class="rows rights-list">
        {rights.map((right) => (
          <RightRow key={`${right.what} ${right.objection ?? ''}`} right={right} state={state} now={now} />
        ))}
      </ul>
      {rights.length === 0 ? null : (
        <p class="label">
          <a href="#mine">{say('toMine')}</a>
        </p>
      )}
      <h3>{say('whatHappened')}</h3>
      <p class="label">{say('evidenceWords')}</p>
      <ol class="feed case">
        {steps.map(({ held, law }) => (
          <Entry key={held.entry.seq} held={held}>
            <LawWords law={law} state={state} />
          </Entry>
        ))}
      </ol>
    </Section>
  );
}

function RightRow(props: { readonly right: Right; readonly state: OpeningState; readonly now: number }): JSX.Element {
  const { right, state, now } = props;
  const { what, law, to, objection, isOver } = right;
  return (
    <li class="row" data-right={what} data-over={isOver}>
      <p class="row-head">
        <span class={isOver ? 'tone-quiet' : 'row-title'}>{say(`right_${what}`, { n: objection ?? '' })}</span>
        <LawWords law={law} state={state} />
      </p>
      <p>
        {say('toWhom', { whom: say(`to_${to}`) })} <Until right={right} now={now} />
      </p>
    </li>
  );
}

/** Before whom something is done that the opening's close does not end. */
const OUTSIDE: ReadonlySet<Right['to']> = new Set(['authority', 'tenderer', 'liable']);

function Until({ right, now }: { readonly right: Right; readonly now: number }): JSX.Element {
  const { until, isOver, isFrozen } = right;
  if (until === null) return <>{say(OUTSIDE.has(right.to) ? 'noClock' : 'untilClose')}</>;
  if (isFrozen) return <span class="tone-warn">{say('frozen')}</span>;
  const at = dayTimeText(until, language.value);
  if (isOver) return <span class="tone-quiet number">{say('overAt', { at })}</span>;
  const { days, clock } = countdownOf(until - now);
  return (
    <span class="number">
      {say('untilAt', { at })}{' '}
      <strong>{say('left', { left: days === 0 ? clock : say('daysAnd', { days, clock }) })}</strong>
    </span>
  );
}

function LawWords({ law, state }: { readonly law: Law | null; readonly state: OpeningState }): JSX.Element | null {
  const words = law === null ? null : lawWords(law, state);
  return words === null ? null : <span class="label law">{words}</span>;
}
