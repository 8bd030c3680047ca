/** The opening key as it is held: by whom, how far its dealing has come, and how many shares are still needed. */
import type { JSX } from 'preact';
import { blindRules, isKeyGiven, type KeyHolder, shareDealtTo, sharingRules } from '../../server/core/opening/layer.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { Icon, type IconName } from '../parts/icon.tsx';
import { timeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import './holding.css';
import { say } from './words.ts';
import type { Key } from './words-zh.ts';

/** Nothing where the policy shares out no key. */
export function LayerPart({ state }: { state: OpeningState }): JSX.Element | null {
  const rules = sharingRules(state.policy);
  if (rules === null) return null;
  const { holders } = state.layer;
  const isBlind = blindRules(state.policy) !== null;
  return (
    <Section id="layer" title={say('layer')} aside={say('rule', { k: rules.threshold, holders: rules.holders })}>
      <p class="section-words">{say(isBlind ? 'blindWords' : 'layerWords')}</p>
      <Progress state={state} />
      <ul class="rows">
        {holders.map((holder) => (
          <HolderRow key={holder.holder} holder={holder} state={state} />
        ))}
      </ul>
    </Section>
  );
}

function Progress({ state }: { state: OpeningState }): JSX.Element {
  const { key, holders, given, unsealing } = state.layer;
  if (key === null)
    return (
      <p class="tone-warn">
        <Icon name="clock" />{' '}
        {say('notDealt', { n: holders.length, holders: sharingRules(state.policy)?.holders ?? 0 })}
      </p>
    );
  if (unsealing === null) {
    const count = key.shares.length;
    const n = key.shares.filter(({ acknowledged }) => acknowledged).length;
    return <Bar value={n} max={count} words={say('progressAcknowledged', { n, count })} />;
  }
  const numbers = { n: given.length, k: key.threshold };
  const isRunning = unsealing.closedAt === null && !isKeyGiven(state);
  return (
    <>
      <Bar
        value={Math.min(given.length, key.threshold)}
        max={key.threshold}
        words={say(unsealing.closedAt === null ? 'progressGiven' : 'closed', numbers)}
      />
      {unsealing.closedAt === null ? (
        <p class="label">
          {isRunning ? say('until', { time: timeText(unsealing.closesAt, language.value) }) : say('enough')}
        </p>
      ) : null}
    </>
  );
}

function Bar(props: { readonly value: number; readonly max: number; readonly words: string }): JSX.Element {
  return (
    <label class="holding-progress">
      <span class="number">{props.words}</span>
      <progress value={props.value} max={props.max} />
    </label>
  );
}

type Standing = { readonly words: Key; readonly icon: IconName; readonly tone: 'good' | 'warn' | 'quiet' };

/** How far one holder has come. */
function standingOf({ layer }: Pick<OpeningState, 'layer'>, holder: number): Standing {
  const dealt = shareDealtTo(layer, holder);
  if (dealt === undefined) return { words: 'offered', icon: 'dots', tone: 'quiet' };
  if (layer.unsealing === null)
    return dealt.acknowledged
      ? { words: 'acknowledged', icon: 'check', tone: 'good' }
      : { words: 'dealt', icon: 'clock', tone: 'warn' };
  return layer.given.some((share) => share.holder === holder)
    ? { words: 'given', icon: 'check', tone: 'good' }
    : { words: 'missing', icon: 'clock', tone: 'warn' };
}

function HolderRow({ holder, state }: { holder: KeyHolder; state: OpeningState }): JSX.Element {
  const { words, icon, tone } = standingOf(state, holder.holder);
  return (
    <li class="row">
      <p class="row-head">
        <span class="row-title">{say('holder', { n: holder.holder })}</span>
        <span>{ROLE_WORDS[language.value][holder.role]}</span>
        <span class={`tone-${tone}`}>
          <Icon name={icon} /> {say(words)}
        </span>
        {state.layer.wrong.includes(holder.holder) ? (
          <span class="tone-bad">
            <Icon name="warning" /> {say('wrong')}
          </span>
        ) : null}
      </p>
      {holder.account.known ? <p class="label code">{holder.account.value}</p> : null}
    </li>
  );
}
