/** A page's words in every language: the one its reader has chosen, with their places filled. */
import { type Language, language } from './language.ts';

/** Words by key; `{name}` in them is replaced by `fills.name`, verbatim. */
export type Say<Key extends string> = (key: Key, fills?: Readonly<Record<string, string | number>>) => string;

/**
 * Says the words of a key in the chosen language; called inside a component, it renders again when the language changes.
 *
 * Shape: every language has every key.
 */
export function dictionary<Key extends string>(
  words: Readonly<Record<Language, Readonly<Record<Key, string>>>>,
): Say<Key> {
  return (key, fills = {}) =>
    words[language.value][key].replace(/\{([a-z]+)\}/g, (place, name: string) => String(fills[name] ?? place));
}
