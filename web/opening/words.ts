/** The page's words in the reader's language, with their places filled. */
import { type Language, language } from '../parts/language.ts';
import { en } from './words-en.ts';
import { type Key, zh } from './words-zh.ts';

const DICTIONARIES: Readonly<Record<Language, Readonly<Record<Key, string>>>> = { 'zh-CN': zh, en };

/**
 * The words of a key in the chosen language; read inside a component, it renders again when the language changes.
 *
 * Shape: `{name}` in the words is replaced by `fills.name`, verbatim.
 */
export function say(key: Key, fills: Readonly<Record<string, string | number>> = {}): string {
  return DICTIONARIES[language.value][key].replace(/\{([a-z]+)\}/g, (place, name: string) =>
    String(fills[name] ?? place),
  );
}
