/** A page's words in every language: the one its reader has chosen, with their places filled. */
import { type InEnglish, language } from './language.ts';

/** Words by key; `{name}` in them is replaced by `fills.name`, verbatim. */
export type Say<Key extends string> = (key: Key, fills?: Readonly<Record<string, string | number>>) => string;

type Words<Key extends string> = Readonly<Record<Key, string>>;

/**
 * Says the words of a key in the chosen language; called inside a component, it renders again when the language changes.
 *
 * Shape: every language has every key. English may come later (`inEnglish`).
 */
export function dictionary<Key extends string>({
  'zh-CN': zh,
  en,
}: {
  readonly 'zh-CN': Words<Key>;
  readonly en: Words<Key> | InEnglish<Words<Key>>;
}): Say<Key> {
  const isFetched = (words: typeof en): words is InEnglish<Words<Key>> =>
    'now' in words && typeof words.now === 'function';
  const english = isFetched(en) ? en.now : () => en;
  return (key, fills = {}) => {
    const words = (language.value === 'en' ? english() : null) ?? zh;
    return words[key].replace(/\{([a-z]+)\}/g, (place: string, name: string) => String(fills[name] ?? place));
  };
}
