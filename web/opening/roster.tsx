/** The roster as it was published, each envelope's digest beside its bidder. */
import type { JSX } from 'preact';
import { parseInstant } from '../../server/core/log/instant.ts';
import type { RosterRow } from '../../server/core/opening/rows.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { Icon } from '../parts/icon.tsx';
import { dayTimeText } from '../parts/instant-text.ts';
import { useKeptRows } from '../parts/kept-rows.ts';
import { language } from '../parts/language.ts';
import { EmptySection, Section } from '../parts/section.tsx';
import { shortDigest } from '../parts/short-digest.ts';
import { say } from './words.ts';

export function Roster({ state }: { state: OpeningState }): JSX.Element | null {
  const { roster, numbers } = state;
  const keepRow = useKeptRows();
  if (!roster.known)
    return state.bids.length > 0 ? null : <EmptySection id="roster" title={say('roster')} words={say('rosterEmpty')} />;
  const aside = (
    <span>
      {say('rosterCount', { n: roster.value.length })}
      {numbers.known ? '' : ` · ${say('numberHidden')}`}
    </span>
  );
  return (
    <Section id="roster" title={say('roster')} aside={aside}>
      <div class="table-frame">
        <table class="table">
          <thead>
            <tr>
              {numbers.known ? <th scope="col">{say('bidder')}</th> : null}
              <th scope="col">{say('name')}</th>
              <th scope="col">{say('creditCode')}</th>
              <th scope="col">{say('lodgedAt')}</th>
              <th scope="col">{say('checkedIn')}</th>
              <th scope="col">{say('envelope')}</th>
            </tr>
          </thead>
          <tbody>
            {roster.value.map((row, i) => {
              const number = numbers.known ? (numbers.value[i] ?? '?') : null;
              return keepRow(row.creditCode, [row, number, language.value], () => (
                <RosterLine key={row.creditCode} row={row} number={number} />
              ));
            })}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

/** One company's line. Shape: `number` as it is known; null while numbers are not public. */
function RosterLine({ row, number }: { row: RosterRow; number: number | '?' | null }): JSX.Element {
  return (
    <tr>
      {number === null ? null : <td data-label={say('bidder')}>{say('bidderNumber', { n: number })}</td>}
      <th scope="row" data-label={say('name')}>
        <bdi>{row.name}</bdi>
      </th>
      <td class="code" data-label={say('creditCode')}>
        {row.creditCode}
      </td>
      <td class="number" data-label={say('lodgedAt')}>
        {dayTimeText(parseInstant(row.lodgedAt), language.value)}
      </td>
      <td data-label={say('checkedIn')}>
        <span class={row.checkedIn ? 'tone-good' : 'tone-quiet'}>
          <Icon name={row.checkedIn ? 'check' : 'dots'} /> {row.checkedIn ? say('yes') : say('no')}
        </span>
      </td>
      <td class="code" data-label={say('envelope')} title={row.envelopeSha256}>
        {shortDigest(row.envelopeSha256)}
      </td>
    </tr>
  );
}
