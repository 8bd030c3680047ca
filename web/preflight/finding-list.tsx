/** The lines of one group: level in colour, picture and word, what was measured, what is wrong and what to do. */
import type { JSX } from 'preact';
import { Icon, type IconName } from '../parts/icon.tsx';
import { lineWords } from './line-words.ts';
import type { Level, Line } from './lines.ts';
import { say } from './words.ts';

const LOOKS = {
  good: { tone: 'good', icon: 'check' },
  warning: { tone: 'warn', icon: 'warning' },
  bad: { tone: 'bad', icon: 'cross' },
  busy: { tone: 'busy', icon: 'dots' },
  todo: { tone: 'busy', icon: 'arrow' },
  none: { tone: 'quiet', icon: 'question' },
} as const satisfies Record<Level, { tone: string; icon: IconName }>;

export function FindingList({ lines }: { readonly lines: readonly Line[] }): JSX.Element {
  return (
    <ul class="findings">
      {lines.map((line, n) => (
        <Finding key={`${line.check} ${n}`} line={line} />
      ))}
    </ul>
  );
}

function Finding({ line }: { readonly line: Line }): JSX.Element {
  const { tone, icon } = LOOKS[line.level];
  const { name, level, said, what, fix } = lineWords(line);
  return (
    <li class="finding" data-check={line.check} data-level={line.level}>
      <p class={`finding-level tone-${tone}`}>
        <Icon name={icon} /> {level}
      </p>
      <div>
        <p>
          <span class="row-title">{name}</span> <span class="finding-said number">{said}</span>
        </p>
        {what === null ? null : <p class={`tone-${tone}`}>{what}</p>}
        {fix === null ? null : (
          <p class="finding-fix">
            <strong>{say('todoNow')}</strong> {fix}
          </p>
        )}
      </div>
    </li>
  );
}
