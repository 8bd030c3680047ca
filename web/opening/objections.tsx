/** Objections and their answers, as far as this viewer may read them. */
import type { JSX } from 'preact';
import type { Objection, OpeningState } from '../../server/core/opening/state.ts';
import { Icon, type IconName } from '../parts/icon.tsx';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { EmptySection, Section } from '../parts/section.tsx';
import { say } from './words.ts';

const STATUSES = {
  open: { tone: 'warn', icon: 'clock' },
  answered: { tone: 'good', icon: 'check' },
  disputed: { tone: 'bad', icon: 'warning' },
} as const satisfies Record<Objection['status'], { tone: string; icon: IconName }>;

export function Objections({ state }: { state: OpeningState }): JSX.Element {
  if (state.objections.length === 0)
    return <EmptySection id="objections" title={say('objections')} words={say('objectionsEmpty')} />;
  return (
    <Section id="objections" title={say('objections')}>
      <ol class="rows">
        {state.objections.map((objection) => (
          <ObjectionRow key={objection.objection} objection={objection} />
        ))}
      </ol>
    </Section>
  );
}

function ObjectionRow({ objection }: { objection: Objection }): JSX.Element {
  const { tone, icon } = STATUSES[objection.status];
  return (
    <li class="row">
      <p class="row-head">
        <span class="row-title">{say('objectionNumber', { n: objection.objection })}</span>
        <span>{objection.bidder === null ? say('objectionEarly') : say('bidderNumber', { n: objection.bidder })}</span>
        <time class="number">{timeText(objection.raisedAt, language.value)}</time>
        <span class={`tone-${tone}`}>
          <Icon name={icon} /> {say(`objection_${objection.status}`)}
        </span>
      </p>
      {objection.text.known ? (
        <p class="verbatim" dir="auto">
          {objection.text.value}
        </p>
      ) : (
        <p class="empty">{say('objectionHidden')}</p>
      )}
      {objection.answer.known ? (
        <p class="verbatim">
          <span class="label">{say('answer')}</span> <bdi>{objection.answer.value}</bdi>
        </p>
      ) : null}
    </li>
  );
}
