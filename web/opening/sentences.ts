/** What one entry says, as a sentence: one for each event and language, so that a new event does not compile until it has both. */
import type { EventType, Evidence, LoggedEvent } from '../../server/core/opening/events.ts';
import { inEnglish, type Language } from '../parts/language.ts';
import { evidenceZh, sentencesZh } from './sentences-zh.ts';

export type Sentences = {
  readonly [T in EventType]: (event: Extract<LoggedEvent, { type: T }>) => string;
};

const english = inEnglish(() => import('./sentences-en.ts'));

/** The sentence of an event. */
export function sentenceOf(event: LoggedEvent, language: Language): string {
  // each event goes to the function of its own type: the compiler cannot follow the index, the catalogue can
  const sentences = (language === 'en' ? english.now() : null)?.sentencesEn ?? sentencesZh;
  const say = sentences[event.type] as (event: LoggedEvent) => string;
  return say(event);
}

/** What a proposed ruling rests on (20号令 art. 31). */
export function evidenceText(found: Evidence, language: Language): string {
  const say = (language === 'en' ? english.now() : null)?.evidenceEn ?? evidenceZh;
  return say(found);
}
