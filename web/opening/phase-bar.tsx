/** The course of the opening as a row of steps: done, current, next, to come. */
import type { JSX } from 'preact';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { Policy } from '../../server/core/opening/policy.ts';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { phaseSteps, type Step } from './phase-steps.ts';
import { PHASE_WORDS } from './term-words.ts';
import { say } from './words.ts';

const STANDING_WORDS = {
  done: 'stepDone',
  current: 'stepCurrent',
  next: 'stepNext',
  ahead: 'stepAhead',
} as const satisfies Record<Step['standing'], string>;

export function PhaseBar({ policy, visited }: { policy: Policy; visited: readonly Phase[] }): JSX.Element {
  return (
    <nav class="phases" aria-label={say('phases')}>
      <ol>
        {phaseSteps(policy, visited).map(({ phase, standing }, i) => (
          <li key={phase} class={`phase phase-${standing}`} aria-current={standing === 'current' ? 'step' : undefined}>
            <span class="phase-mark" aria-hidden="true">
              {standing === 'done' ? <Icon name="check" /> : i + 1}
            </span>
            <span class="phase-name">{PHASE_WORDS[language.value][phase].name}</span>
            <span class="phase-standing">{say(STANDING_WORDS[standing])}</span>
          </li>
        ))}
      </ol>
    </nav>
  );
}
