/** The domain's own words in both languages: phases and what happens in them, failures and verdicts. */
import type { Effect } from '../../server/core/opening/correction.ts';
import type { ErasureBasis } from '../../server/core/opening/erasure-bases.ts';
import type { ATTEMPTS, DecryptionFailure, Verdict } from '../../server/core/opening/findings.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { WitnessPoint } from '../../server/core/opening/policy.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { inEnglish, type Language } from '../parts/language.ts';
import { zh } from './term-words-zh.ts';

export type TermWords = {
  /** `now` says what is going on and who acts. */
  readonly phases: Readonly<Record<Phase, { readonly name: string; readonly now: string }>>;
  readonly failures: Readonly<Record<DecryptionFailure, string>>;
  readonly verdicts: Readonly<Record<Verdict, string>>;
  /** What kind of attempt was refused. */
  readonly attempts: Readonly<Record<(typeof ATTEMPTS)[number], string>>;
  /** The points that a policy can make the witness acknowledge. */
  readonly points: Readonly<Record<WitnessPoint, string>>;
  /** What an emergency correction would change. */
  readonly effects: Readonly<Record<Effect['what'], string>>;
  /** The grounds of an erasure (个人信息保护法 art. 47). */
  readonly bases: Readonly<Record<ErasureBasis, string>>;
  /** As whom somebody stands before an opening. */
  readonly roles: Readonly<Record<PersonRole, string>>;
};

const english = inEnglish(async () => (await import('./term-words-en.ts')).en);

/** One part of the words by language. */
function wordsOf<Part extends keyof TermWords>(part: Part): Readonly<Record<Language, TermWords[Part]>> {
  return {
    'zh-CN': zh[part],
    get en() {
      return (english.now() ?? zh)[part];
    },
  };
}

export const PHASE_WORDS = wordsOf('phases');
export const FAILURE_WORDS = wordsOf('failures');
export const VERDICT_WORDS = wordsOf('verdicts');
export const ATTEMPT_WORDS = wordsOf('attempts');
export const POINT_WORDS = wordsOf('points');
export const EFFECT_WORDS = wordsOf('effects');
export const BASIS_WORDS = wordsOf('bases');
export const ROLE_WORDS = wordsOf('roles');
