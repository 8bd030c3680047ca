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
/** The last choice: words of an earlier one may still be on their way. */
let wanted: Language = language.peek();

/** The English of a room, fetched only for who reads it; null until it is there, and Chinese stands in its place. */
export type InEnglish<Words> = { now(): Words | null };

const fetches: (() => Promise<void>)[] = [];

/** Puts off the fetch of English words until somebody wants to read them. */
export function inEnglish<Words>(load: () => Promise<Words>): InEnglish<Words> {
  const words = signal<Words | null>(null);
  let fetching: Promise<void> | null = null;
  const fetch = (): Promise<void> => {
    fetching ??= load().then(
      (loaded) => {
        words.value = loaded;
      },
      (error: unknown) => {
        // The next choice tries again.
        fetching = null;
        throw error;
      },
    );
    return fetching;
  };
  fetches.push(fetch);
  return { now: () => words.value };
}

/** Fetches what the chosen language still needs; awaited before a page is first shown. Rejects: when it cannot be fetched. */
export async function fetchWords(of: Language = language.peek()): Promise<void> {
  if (of === 'en') await Promise.all(fetches.map((fetch) => fetch()));
}

/** Chooses, and remembers it; with words to fetch the page changes when they are there, and stays as it is when they never come. */
export function chooseLanguage(chosen: Language): void {
  keepText(KEY, chosen);
  wanted = chosen;
  fetchWords(chosen).then(
    () => {
      if (wanted === chosen) language.value = chosen;
    },
    () => undefined,
  );
}
