/** The lines of a dialog that say who will see an act, and what of it. */
import type { JSX } from 'preact';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { language } from '../parts/language.ts';
import type { ActType } from './act-rows.ts';
import { seenBy } from './seen-by.ts';
import { say } from './words.ts';

export function SeenLines({ type, state }: { type: ActType; state: OpeningState }): JSX.Element {
  const seen = seenBy(type, state);
  return (
    <dl class="dialog-about seen-by">
      <div>
        <dt class="label">{say('whoSees')}</dt>
        {seen === null ? (
          <dd>{say('seenRegister')}</dd>
        ) : (
          <>
            <dd>{say('seenAct', { who: namesOf(seen.person) })}</dd>
            <dd>{say('seenContent', { who: seen.content === null ? say('everybody') : namesOf(seen.content) })}</dd>
          </>
        )}
      </div>
    </dl>
  );
}

/** Roles by name; whoever is among the public as well is everybody. */
function namesOf(roles: readonly PersonRole[]): string {
  if (roles.includes('public')) return say('everybody');
  const words = ROLE_WORDS[language.value];
  const names = roles.map((role) => words[role]);
  return names.length === 0 ? say('nobody') : names.join(language.value === 'en' ? ', ' : '、');
}
