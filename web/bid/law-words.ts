/** The article of an entry or a right in words, by the law that the opening stands under. */
import { PROFILES } from '../../server/core/opening/policy.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { isOfProcurement } from '../opening/regime.ts';
import type { Law } from './case-events.ts';
import { say } from './words.ts';

/** Null where the opening is none of a tender, and its profile names no article for this: then none is claimed. */
export function lawWords(law: Law, state: Pick<OpeningState, 'profile'>): string | null {
  if (!isOfProcurement(state)) return say(`law_${law}`);
  const { articles } = PROFILES[state.profile];
  switch (law) {
    case 'r44':
      return articles.objection;
    case 'r44_failed':
      return articles.failed;
    case 'o31':
      return articles.fault;
    case 'o32':
      return articles.record;
    case 'o30':
    case 'o52':
    case 'pl38':
    case 'pl52':
    case 'esl14':
      return say(`law_${law}`);
    case 'bl23':
    case 'bl28':
    case 'bl36':
    case 'r31':
    case 'r35':
    case 'r60':
      return null;
  }
}
