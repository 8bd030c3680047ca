/** One lot of the session: where it stands, what runs out, and how far its log is verified by this page. */
import type { JSX } from 'preact';
import { currentEnd } from '../opening/current-end.ts';
import { PHASE_WORDS } from '../opening/term-words.ts';
import type { Viewing } from '../opening/viewing.ts';
import { Icon } from '../parts/icon.tsx';
import { countdownOf } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import type { SessionLots } from './lots.ts';
import { say } from './words.ts';

export type Lot = SessionLots['openings'][number];

/** `isForeign`: its own log does not say that it is of this session. */
export function LotRow(props: { lot: Lot; viewing: Viewing; isForeign: boolean }): JSX.Element {
  const { lot, viewing, isForeign } = props;
  const { state } = viewing.view.value;
  return (
    <tr>
      <th scope="row" data-label={say('lot')}>
        <a href={`/openings/${lot.openingId}`}>
          <bdi>{lot.lot.name}</bdi>
        </a>
        <span class="code lot-code">{lot.lot.code}</span>
      </th>
      <td data-label={say('phase')}>
        <span class="lot-phase">{state === null ? '…' : PHASE_WORDS[language.value][state.phase].name}</span>
      </td>
      <td data-label={say('limit')}>
        <Limit viewing={viewing} />
      </td>
      <td data-label={say('log')}>
        <Trust viewing={viewing} isForeign={isForeign} />
      </td>
    </tr>
  );
}

function Limit({ viewing }: { viewing: Viewing }): JSX.Element {
  const { state } = viewing.view.value;
  const now = viewing.now.value;
  const end = state === null ? null : currentEnd(state);
  if (end === null) return <span class="label">{say('noLimit')}</span>;
  const left = end.frozenMs ?? (now === null ? null : Math.max(0, end.at - now));
  if (left === null) return <span class="number">--:--</span>;
  const { days, clock } = countdownOf(left);
  return (
    <span class="number" role="timer">
      {days === 0 ? '' : `${say('days', { days })} `}
      {clock}
      {end.frozenMs === null ? null : <span class="label"> {say('frozen')}</span>}
    </span>
  );
}

/** The worst that is known of this lot stands here, never the better news beside it. */
function Trust({ viewing, isForeign }: { viewing: Viewing; isForeign: boolean }): JSX.Element {
  const { standing } = viewing.view.value;
  const link = viewing.link.value;
  if (standing.kind === 'refused')
    return (
      <span class="tone-bad" role="alert">
        <Icon name="cross" /> {say('refused', { why: language.value === 'en' ? standing.words.en : standing.words.zh })}
      </span>
    );
  if (viewing.monitors.value?.some(({ said }) => said === 'other'))
    return (
      <span class="tone-bad" role="alert">
        <Icon name="cross" /> {say('forked')}
      </span>
    );
  if (isForeign)
    return (
      <span class="tone-bad" role="alert">
        <Icon name="cross" /> {say('foreign')}
      </span>
    );
  if (viewing.fault.value !== null) return <Warning words={say('pageFault')} />;
  if (viewing.isMissing.value) return <Warning words={say('missing')} />;
  if (link.kind === 'stopped') return <Warning words={say('stopped')} />;
  if (link.kind === 'waiting') return <Warning words={say('offline')} />;
  if (standing.kind === 'empty')
    return (
      <span class="tone-quiet">
        <Icon name="dots" /> {say('unverified')}
      </span>
    );
  if (standing.kind === 'behind') return <Warning words={say('behind', { n: standing.size, seen: standing.seen })} />;
  return (
    <span class="tone-good number">
      <Icon name="shield" /> {say('entries', { n: standing.size })}
    </span>
  );
}

function Warning({ words }: { words: string }): JSX.Element {
  return (
    <span class="tone-warn" role="status">
      <Icon name="warning" /> {words}
    </span>
  );
}
