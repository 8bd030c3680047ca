/** Every version of the record so far: when it was issued, how many signed it, and which one counts. */
import type { JSX } from 'preact';
import type { RecordAnswer } from '../../server/core/opening/state.ts';
import { Icon } from '../parts/icon.tsx';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { DeskParts } from './desks.tsx';
import { say } from './words.ts';

export function RecordDesk({ stand }: DeskParts): JSX.Element | null {
  const { record, pastRecords, bids, openingId } = stand.state;
  if (record === null || pastRecords.length === 0) return null;
  const versions = [
    { ...record, answers: bids.map(({ answer }) => answer), isCurrent: true },
    ...pastRecords.map((past) => ({ ...past, isCurrent: false })).reverse(),
  ];
  return (
    <Section id="records" title={say('records')}>
      <ul class="rows">
        {versions.map(({ version, issuedAt, answers, isCurrent }) => (
          <li class="row" key={version}>
            <p class="row-head">
              <span class="row-title">{say('version', { n: version })}</span>
              <time class="number">{say('issuedAt', { time: dayTimeText(issuedAt, language.value) })}</time>
              <span class={isCurrent ? 'tone-good' : 'tone-quiet'}>
                <Icon name={isCurrent ? 'check' : 'cross'} /> {say(isCurrent ? 'current' : 'replaced')}
              </span>
              <span>{say('answers', countsOf(answers))}</span>
              <a href={`/openings/${openingId}/record?version=${version}`} target="_blank" rel="noopener">
                {say('openRecord')}
              </a>
            </p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function countsOf(answers: readonly (RecordAnswer | null)[]): { signed: number; refused: number; open: number } {
  const of = (kind: RecordAnswer['kind']): number => answers.filter((answer) => answer?.kind === kind).length;
  return { signed: of('signed'), refused: of('refused'), open: answers.length - of('signed') - of('refused') };
}
