/** The steps that cannot be taken yet, each with what stands in its way, in words. */
import type { JSX } from 'preact';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { nameKey } from '../person/act-rows.ts';
import { say } from '../person/words.ts';
import { type Blocked, blockedWords } from './standing.ts';

export function BlockedSteps({ blocked }: { blocked: readonly Blocked[] }): JSX.Element | null {
  if (blocked.length === 0) return null;
  return (
    <details class="blocked">
      <summary>{say('blocked')}</summary>
      <ul class="rows">
        {blocked.map((one) => {
          const { zh, en } = blockedWords(one);
          return (
            <li key={one.type} class="row" data-code={one.code}>
              <span class="row-title">{say(nameKey(one.type))}</span>{' '}
              <span class="tone-quiet">
                <Icon name="lock" /> {language.value === 'en' ? en : zh}
              </span>
            </li>
          );
        })}
      </ul>
    </details>
  );
}
