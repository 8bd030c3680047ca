/** The page of one opening, put together: what it is, where it stands, what was decided, and the log beside it. */
import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { numberOf, type OpeningState } from '../../server/core/opening/state.ts';
import { useIsPainted } from '../parts/after-paint.ts';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { LanguageSwitch } from '../parts/language-switch.tsx';
import { Message } from '../parts/message.tsx';
import { Board } from './board.tsx';
import { detailParts } from './details-arriving.ts';
import type { Hall } from './hall.ts';
import { LinkBar, LinkSaid, LinkWord } from './link-state.tsx';
import { Masthead, RehearsalBanner, SuspendedBanner } from './masthead.tsx';
import { MonitorBanner } from './monitor-lines.tsx';
import { NowBand } from './now-band.tsx';
import { PhaseBar } from './phase-bar.tsx';
import { Roster } from './roster.tsx';
import { SeatBox } from './seat-box.tsx';
import { PHASE_WORDS } from './term-words.ts';
import { RefusalBanner, TrustBadge } from './trust-badge.tsx';
import type { Viewing } from './viewing.ts';
import { say } from './words.ts';

export function Page({ hall }: { hall: Hall }): JSX.Element {
  useSignalEffect(() => {
    // To say it again costs the style of every element, at every entry.
    if (document.documentElement.lang !== language.value) document.documentElement.lang = language.value;
    const { state } = hall.viewing.value.view.value;
    document.title =
      state === null
        ? say('product')
        : `${PHASE_WORDS[language.value][state.phase].name} · ${state.details.title} · ${say('product')}`;
  });
  const viewing = hall.viewing.value;
  const view = viewing.view.value;
  const { state, standing } = view;
  const isBroken = viewing.fault.value !== null || hall.fault.value !== null;
  return (
    <>
      <a class="skip" href="#main">
        {say('skip')}
      </a>
      <div class="top">
        <p class="product">
          <a href="/">{say('product')}</a>
        </p>
        <TrustBadge view={view} outside={viewing.outside.value} monitors={viewing.monitors.value} />
        <LinkWord viewing={viewing} />
        <SeatBox hall={hall} />
        <LanguageSwitch label={say('language')} />
      </div>
      {standing.kind === 'refused' ? <RefusalBanner refusal={standing} /> : <LinkBar viewing={viewing} />}
      {hall.isSeatLost.value ? <SeatLost /> : null}
      <MonitorBanner monitors={viewing.monitors.value} />
      {state === null || !isBroken ? null : <Broken />}
      {state === null ? (
        <main id="main" class="blank" tabIndex={-1}>
          <Nothing viewing={viewing} />
        </main>
      ) : (
        <Opening hall={hall} viewing={viewing} state={state} />
      )}
      {state === null ? null : <p class="source-line">{say('sourceLine')}</p>}
      <PhaseWord state={state} />
      <LinkSaid viewing={viewing} />
    </>
  );
}

/** Whoever acted here no longer does; nothing of theirs is left on the page. */
function SeatLost(): JSX.Element {
  return (
    <div class="bar bar-stopped" role="alert">
      <Icon name="warning" />
      <span>{say('seatLost')}</span>
    </div>
  );
}

type OpeningProps = { readonly hall: Hall; readonly viewing: Viewing; readonly state: OpeningState };

/** What the opening is and where it stands is painted first: a thousand bids are drawn behind that picture. */
function Opening({ hall, viewing, state }: OpeningProps): JSX.Element {
  const isPainted = useIsPainted();
  return (
    <main id="main" tabIndex={-1}>
      {state.profile === 'rehearsal' ? <RehearsalBanner /> : null}
      <Masthead state={state} />
      <PhaseBar policy={state.policy} visited={viewing.visited.value} />
      {state.suspended === null ? null : <SuspendedBanner suspended={state.suspended} />}
      <NowBand viewing={viewing} state={state} />
      {isPainted ? <Columns hall={hall} viewing={viewing} state={state} /> : null}
    </main>
  );
}

function Columns({ hall, viewing, state }: OpeningProps): JSX.Element {
  const Person = hall.personPart.value;
  const { entries } = viewing.view.value;
  const details = detailParts.value;
  const seat = hall.seat.value;
  const own = seat?.role === 'bidder' ? numberOf(state, seat.creditCode) : null;
  return (
    <div class="columns">
      <div class="column-main">
        {Person === null ? null : (
          <Person
            viewing={viewing}
            seat={hall.seat.value}
            isAsking={hall.isAsking.value}
            now={hall.now}
            onSeat={hall.sit}
            onClose={hall.stopAsking}
            onFault={hall.report}
          />
        )}
        {details === null ? null : (
          <>
            <details.LayerPart state={state} />
            <details.DrawingPart state={state} entries={entries} />
          </>
        )}
        {state.prices === null ? <Board state={state} own={own} /> : null}
        {details === null ? null : <details.Prices state={state} own={own} />}
        {state.prices === null ? null : <Board state={state} own={own} />}
        <Roster state={state} />
        {details === null ? null : (
          <>
            <details.RecordPart state={state} />
            <details.Objections state={state} />
          </>
        )}
      </div>
      <div class="column-side">
        {details === null ? null : (
          <>
            <details.NoticeColumn entries={entries} />
            <details.Feed entries={entries} />
          </>
        )}
      </div>
    </div>
  );
}

/** What stands there while there is nothing to show: still coming, not there, or broken. */
function Nothing({ viewing }: { viewing: Viewing }): JSX.Element | null {
  if (viewing.fault.value !== null) return <Broken />;
  if (viewing.isMissing.value)
    return (
      <Message title={say('notFound')} words={say('notFoundWords')}>
        <p class="code">{viewing.openingId}</p>
      </Message>
    );
  return viewing.view.value.standing.kind === 'refused' ? null : (
    <Message title={say('loading')} words={say('loadingWords')} />
  );
}

function Broken(): JSX.Element {
  return (
    <div role="alert">
      <Message title={say('fault')} words={say('faultWords')}>
        <button type="button" onClick={() => location.reload()}>
          {say('reload')}
        </button>
      </Message>
    </div>
  );
}

/** Says a change of phase, and that all stands still, to those who listen to the page instead of looking at it. */
function PhaseWord({ state }: { state: OpeningState | null }): JSX.Element {
  return (
    <p class="unseen" aria-live="polite">
      {state === null ? '' : phaseWord(state)}
    </p>
  );
}

const phaseWord = ({ phase, suspended }: OpeningState): string =>
  suspended === null ? say('phaseChanged', { phase: PHASE_WORDS[language.value][phase].name }) : say('suspended');
