/** The language of a page: Chinese first, English second; chosen by its reader and remembered by the browser. */
import { signal } from '@preact/signals';
import { keepText, keptText } from './kept-text.ts';

export const LANGUAGES = ['zh-CN', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];
/** Each language called by its own name. */
export const LANGUAGE_NAMES = { 'zh-CN': '中文', en: 'English' } as const satisfies Record<Language, string>;

const KEY = 'kaibiao.language';

function isLanguage(text: unknown): text is Language {
  return LANGUAGES.some((known) => known === text);
}

const initial = keptText(KEY);
export const language = signal<Language>(isLanguage(initial) ? initial : 'zh-CN');

export function chooseLanguage(chosen: Language): void {
  language.value = chosen;
  keepText(KEY, chosen);
}
