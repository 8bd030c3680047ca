/** The status board: one tile for each bid, in colour, icon and word. */
import type { JSX } from 'preact';
import { type Bid, isDecrypted, type OpeningState } from '../../server/core/opening/state.ts';
import { Icon, type IconName } from '../parts/icon.tsx';
import { useKeptRows } from '../parts/kept-rows.ts';
import { language } from '../parts/language.ts';
import { EmptySection, Section } from '../parts/section.tsx';
import { type BidStatus, bidStatus, nameOf, statusCounts, TONES } from './bid-status.ts';
import { ownFirst } from './own-first.ts';
import { FAILURE_WORDS, VERDICT_WORDS } from './term-words.ts';
import { say } from './words.ts';

const ICONS = {
  sealed: 'lock',
  awaited: 'dots',
  received: 'clock',
  unread: 'clock',
  failed: 'cross',
  damaged: 'cross',
  half_open: 'clock',
  decrypted: 'check',
  announced: 'check',
  unruled: 'question',
  contested: 'warning',
  deemed_revoked: 'cross',
  deemed_withdrawn: 'cross',
  unknown: 'question',
  revoked: 'cross',
} as const satisfies Record<BidStatus, IconName>;

/** `own` is the number of whoever looks on as a bidder: their tile stands first and stays in sight. */
export function Board({ state, own = null }: { state: OpeningState; own?: number | null }): JSX.Element {
  const keepRow = useKeptRows();
  if (state.bids.length === 0) return <EmptySection id="board" title={say('board')} words={say('boardEmpty')} />;
  return (
    <Section id="board" title={say('board')} aside={<Counts state={state} />}>
      <ol class="tiles">
        {ownFirst(state.bids, own).map((bid) => {
          const { bidder } = bid;
          const status = bidStatus(state, bid);
          const name = nameOf(state, bidder);
          const note = noteOf(bid, status);
          const isOwn = bidder === own;
          return keepRow(bidder, [status, name, note, language.value, isOwn], () => (
            <Tile key={bidder} bidder={bidder} status={status} name={name} note={note} isOwn={isOwn} />
          ));
        })}
      </ol>
    </Section>
  );
}

function Counts({ state }: { state: OpeningState }): JSX.Element {
  return (
    <ul class="counts">
      {statusCounts(state).map(({ status, count }) => (
        <li key={status} class={`tone-${TONES[status]}`}>
          <Icon name={ICONS[status]} /> {say(`status_${status}`)} <b class="number">{count}</b>
        </li>
      ))}
    </ul>
  );
}

type TileProps = {
  readonly bidder: number;
  readonly status: BidStatus;
  readonly name: string | null;
  readonly note: string;
  readonly isOwn: boolean;
};

function Tile({ bidder, status, name, note, isOwn }: TileProps): JSX.Element {
  return (
    <li class={`tile tone-${TONES[status]}${isOwn ? ' tile-own' : ''}`} data-own={isOwn ? '' : undefined}>
      <p class="tile-number">
        {say('bidderNumber', { n: bidder })}
        {isOwn ? ` · ${say('own')}` : ''}
      </p>
      {name === null ? null : (
        <p class="tile-name">
          <bdi>{name}</bdi>
        </p>
      )}
      <p class="tile-status">
        <Icon name={ICONS[status]} /> {say(`status_${status}`)}
      </p>
      {note === '' ? null : <p class="tile-note">{note}</p>}
    </li>
  );
}

/** Why a bid did not open, what is proposed, and attempts that came too late; empty when there is nothing to say. */
function noteOf(bid: Bid, status: BidStatus): string {
  const last = bid.attempts[bid.attempts.length - 1]?.outcome;
  const isOpen = last === 'undecided' || last === 'decrypted' || last === 'not_needed' || isDecrypted(bid);
  const failure = last === undefined || isOpen ? null : FAILURE_WORDS[language.value][last];
  const notes = [
    ...(failure === null ? [] : [failure]),
    ...(status === 'unruled' && bid.proposal !== null
      ? [say('proposed', { verdict: VERDICT_WORDS[language.value][bid.proposal.verdict] })]
      : []),
    ...(bid.lateAttempts > 0 ? [say('lateAttempts', { n: bid.lateAttempts })] : []),
  ];
  return notes.join(' · ');
}
