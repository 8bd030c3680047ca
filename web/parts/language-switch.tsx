/** The switch between the page's languages. */
import type { JSX } from 'preact';
import { chooseLanguage, LANGUAGE_NAMES, LANGUAGES, language } from './language.ts';

export function LanguageSwitch({ label }: { label: string }): JSX.Element {
  return (
    <fieldset class="language">
      <legend class="unseen">{label}</legend>
      {LANGUAGES.map((each) => (
        <button
          type="button"
          key={each}
          lang={each}
          aria-pressed={language.value === each}
          onClick={() => chooseLanguage(each)}
        >
          {LANGUAGE_NAMES[each]}
        </button>
      ))}
    </fieldset>
  );
}
