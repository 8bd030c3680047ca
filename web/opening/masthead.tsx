/** What the opening is about, and the two things that must not be missed: that it is a rehearsal, that it is suspended. */
import type { ComponentChildren, JSX } from 'preact';
import { PROFILES } from '../../server/core/opening/policy.ts';
import type { OpeningState, Suspension } from '../../server/core/opening/state.ts';
import { formatAmount } from '../parts/amount.ts';
import { Icon } from '../parts/icon.tsx';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { say } from './words.ts';

export function Masthead({ state }: { state: OpeningState }): JSX.Element {
  const { details, policy } = state;
  const profile = PROFILES[state.profile];
  return (
    <header class="masthead">
      <h1>
        <bdi>{details.title}</bdi>
      </h1>
      <dl class="facts">
        <Fact name={say('lot')}>
          <bdi>{details.lot.name}</bdi> <span class="code">{details.lot.code}</span>
        </Fact>
        <Fact name={say('project')}>
          <bdi>{details.project.name}</bdi> <span class="code">{details.project.code}</span>
        </Fact>
        <Fact name={say('tenderer')}>
          <bdi>{details.tenderer}</bdi>
        </Fact>
        <Fact name={say('agency')}>
          <bdi>{details.agency}</bdi>
        </Fact>
        <Fact name={say('place')}>
          <bdi>{details.place}</bdi>
        </Fact>
        <Fact name={say('openingTime')}>{dayTimeText(state.deadlineAt, language.value)}</Fact>
        <Fact name={say('regime')}>{language.value === 'en' ? profile.en : profile.zh}</Fact>
        <Fact name={say('ceiling')}>
          {policy.ceilingPrice === null ? (
            say('noCeiling')
          ) : (
            <span class="number">{`${formatAmount(policy.ceilingPrice)} ${policy.currency}`}</span>
          )}
        </Fact>
      </dl>
    </header>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function RehearsalBanner(): JSX.Element {
  return (
    <p class="banner banner-rehearsal">
      <Icon name="warning" />
      <strong>{say('rehearsal')}</strong> {say('rehearsalWords')}
    </p>
  );
}

const CAUSE_WORDS = {
  host: 'cause_host',
  supervisor: 'cause_supervisor',
  outage: 'cause_outage',
  outage_across_deadline: 'cause_outage_across_deadline',
} as const satisfies Record<Suspension['cause'], string>;

export function SuspendedBanner({ suspended }: { suspended: Suspension }): JSX.Element {
  return (
    <div class="banner banner-suspended">
      <Icon name="pause" />
      <div>
        <strong>{say('suspended')}</strong>
        <p>
          {say(CAUSE_WORDS[suspended.cause])}
          {language.value === 'en' ? '. ' : '。'}
          {say('suspendedSince', { time: dayTimeText(suspended.since, language.value) })}
        </p>
        {suspended.reason === null ? null : (
          <p>
            {say('reason')}:{' '}
            <q class="verbatim">
              <bdi>{suspended.reason}</bdi>
            </q>
          </p>
        )}
        {suspended.resumeProposed ? <p>{say('resumeProposed')}</p> : null}
      </div>
    </div>
  );
}
