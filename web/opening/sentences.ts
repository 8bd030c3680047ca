/** What one entry says, as a sentence: one for each event and language, so that a new event does not compile until it has both. */
import type { EventType, Evidence, LoggedEvent } from '../../server/core/opening/events.ts';
import type { Language } from '../parts/language.ts';
import { evidenceEn, sentencesEn } from './sentences-en.ts';
import { evidenceZh, sentencesZh } from './sentences-zh.ts';

export type Sentences = {
  readonly [T in EventType]: (event: Extract<LoggedEvent, { type: T }>) => string;
};

const SENTENCES: Readonly<Record<Language, Sentences>> = { 'zh-CN': sentencesZh, en: sentencesEn };

/** The sentence of an event. */
export function sentenceOf(event: LoggedEvent, language: Language): string {
  // each event goes to the function of its own type: the compiler cannot follow the index, the catalogue can
  const say = SENTENCES[language][event.type] as (event: LoggedEvent) => string;
  return say(event);
}

const EVIDENCE = { 'zh-CN': evidenceZh, en: evidenceEn } as const;

/** What a proposed ruling rests on (20号令 art. 31). */
export function evidenceText(found: Evidence, language: Language): string {
  return EVIDENCE[language](found);
}
