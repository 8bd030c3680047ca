/** What is going on now, what time it is at the server, and how long the running limit still runs. */
import type { JSX } from 'preact';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { countdownOf, dayText, dayTimeText, spanText, timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { currentEnd, type End } from './current-end.ts';
import { phaseSteps } from './phase-steps.ts';
import { PHASE_WORDS } from './term-words.ts';
import type { Viewing } from './viewing.ts';
import { say } from './words.ts';

const END_WORDS = {
  check_in: 'end_check_in',
  deadline: 'end_deadline',
  commitments: 'end_commitments',
  reveals: 'end_reveals',
  unsealing: 'end_unsealing',
  remedy: 'end_remedy',
  quotes: 'end_quotes',
  window: 'end_window',
  confirmation: 'end_confirmation',
} as const satisfies Record<End['what'], string>;

/** Below this a countdown asks for attention, ms. */
const SOON_MS = 60_000;

export function NowBand({ viewing, state }: { viewing: Viewing; state: OpeningState }): JSX.Element {
  const words = PHASE_WORDS[language.value][state.phase];
  const next = phaseSteps(state.policy, viewing.visited.value).find(({ standing }) => standing === 'next');
  return (
    <section class="now" aria-label={say('phaseNow', { phase: words.name })}>
      <div class="now-phase">
        <p class="now-name">{words.name}</p>
        <p class="now-words">{words.now}</p>
        {next === undefined ? null : (
          <p class="now-next label">
            {say('stepNext')}: {PHASE_WORDS[language.value][next.phase].name}
          </p>
        )}
      </div>
      <Countdown viewing={viewing} state={state} />
      <ServerTime viewing={viewing} />
    </section>
  );
}

function Countdown({ viewing, state }: { viewing: Viewing; state: OpeningState }): JSX.Element {
  const end = currentEnd(state);
  const now = viewing.now.value;
  if (end === null) return <IdleClock state={state} />;
  const left = end.frozenMs ?? (now === null ? null : end.at - now);
  const isOver = left !== null && left <= 0;
  const isSoon = left !== null && left <= SOON_MS && end.frozenMs === null;
  return (
    <div class={`now-clock${isSoon ? ' now-soon' : ''}${end.frozenMs === null ? '' : ' now-frozen'}`}>
      <p class="label">{isOver ? say('timeIsUp') : say(END_WORDS[end.what])}</p>
      <p class="countdown" role="timer">
        {left === null ? '--:--' : <Left ms={left} />}
      </p>
      <p class="label">
        {end.frozenMs === null ? say('endsAt', { time: dayTimeText(end.at, language.value) }) : say('frozen')}
        {end.what === 'window' && state.window !== null && state.window.extendedMs > 0
          ? ` · ${say('extended', { minutes: spanText(state.window.extendedMs, language.value) })}`
          : ''}
      </p>
    </div>
  );
}

function Left({ ms }: { ms: number }): JSX.Element {
  const { days, clock } = countdownOf(ms);
  return (
    <>
      {days === 0 ? null : <span class="countdown-days">{say('days', { days })} </span>}
      {clock}
    </>
  );
}

function IdleClock({ state }: { state: OpeningState }): JSX.Element {
  const closed = state.window?.closed ?? null;
  return (
    <div class="now-clock">
      <p class="label">{say('noClock')}</p>
      {closed === null ? null : <p class="label">{say('closedAt', { time: timeText(closed.at, language.value) })}</p>}
    </div>
  );
}

function ServerTime({ viewing }: { viewing: Viewing }): JSX.Element {
  const now = viewing.now.value;
  const error = viewing.clockErrorMs.value;
  return (
    <div class="now-time">
      <p class="label">{say('serverTime')}</p>
      <p class="server-time">{now === null ? '--:--:--' : timeText(now, language.value)}</p>
      <p class="label">
        {now === null ? '' : dayText(now, language.value)}
        {error === null ? '' : ` · ${say('clockError', { ms: Math.max(1, Math.ceil(error)) })}`}
      </p>
    </div>
  );
}
