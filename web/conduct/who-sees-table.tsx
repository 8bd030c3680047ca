/** The table of who will see what, and from when, before an opening is made. */
import type { JSX } from 'preact';
import type { Policy } from '../../server/core/opening/policy.ts';
import { PHASE_WORDS, ROLE_WORDS } from '../opening/term-words.ts';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { VIEWERS, whoSees } from './who-sees.ts';
import { say } from './words.ts';

export function WhoSeesTable({ policy }: { policy: Policy }): JSX.Element {
  return (
    <>
      <div class="table-frame">
        <table class="table who-sees">
          <thead>
            <tr>
              <th scope="col">{say('whatIsSeen')}</th>
              {VIEWERS.map((role) => (
                <th scope="col" key={role}>
                  {ROLE_WORDS[language.value][role]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {whoSees(policy).map(({ topic, from }) => (
              <tr key={topic}>
                <th scope="row" data-label={say('whatIsSeen')}>
                  <span>{say(`topic_${topic}`)}</span>
                </th>
                {VIEWERS.map((role) => {
                  const phase = from[role];
                  return (
                    <td key={role} data-label={ROLE_WORDS[language.value][role]}>
                      <span class={phase === null ? 'tone-quiet' : 'tone-good'}>
                        <Icon name={phase === null ? 'lock' : 'check'} />{' '}
                        {phase === null
                          ? say('neverSeen')
                          : say('seenFrom', { phase: PHASE_WORDS[language.value][phase].name })}
                      </span>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="label">{say('ownAlways')}</p>
    </>
  );
}
