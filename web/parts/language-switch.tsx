/** The switch between the page's languages. */
import type { JSX } from 'preact';
import { chooseLanguage, LANGUAGE_NAMES, LANGUAGES, language } from './language.ts';

export function LanguageSwitch({ label }: { label: string }): JSX.Element {
  return (
    <div class="language" role="group" aria-label={label}>
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
    </div>
  );
}
