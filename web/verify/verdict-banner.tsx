/** The verdict in one line: green, red, or only consistent in itself, with the code and the reason where it is red. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import type { Limit } from './items.ts';
import type { Refusal } from './judge-messages.ts';
import { say } from './words.ts';

export type Verdict = 'good' | 'bad' | 'inner';

const TONES = { good: 'good', bad: 'bad', inner: 'warn' } as const;
const ICONS = { good: 'shield', bad: 'cross', inner: 'question' } as const;

export function VerdictBanner(props: {
  verdict: Verdict;
  words: string;
  name: string;
  refusal: Refusal | null;
  /** What the verdict leaves open. */
  limit: Limit | null;
}): JSX.Element {
  const { verdict, words, name, refusal, limit } = props;
  return (
    <div
      class={`banner verdict tone-${TONES[verdict]}`}
      data-verdict={verdict}
      role={verdict === 'bad' ? 'alert' : 'status'}
    >
      <Icon name={ICONS[verdict]} />
      <div>
        <strong class="verdict-words">{words}</strong> <span class="code">{name}</span>
        {refusal === null ? null : (
          <>
            <p>
              {language.value === 'en' ? refusal.words.en : refusal.words.zh}{' '}
              {refusal.seq === null ? '' : say('refusedAt', { n: refusal.seq })}
            </p>
            <p class="code verbatim">
              {say('code')} <span class="verdict-code">{refusal.reason}</span>
              {refusal.detail === null ? '' : `: ${refusal.detail}`}
            </p>
          </>
        )}
        {limit === null ? null : <p data-limit={limit.words}>{say(limit.words, limit.fills)}</p>}
      </div>
    </div>
  );
}
