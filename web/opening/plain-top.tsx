/** The head of a page that stands before the openings' own: the product, what this page is, the language. */
import type { JSX } from 'preact';
import { LanguageSwitch } from '../parts/language-switch.tsx';
import { say } from './words.ts';

/** `word` names the page. */
export function PlainTop({ word }: { word: string }): JSX.Element {
  return (
    <>
      <a class="skip" href="#main">
        {say('skip')}
      </a>
      <div class="top">
        <p class="product">
          <a href="/">{say('product')}</a>
        </p>
        <p class="top-word">{word}</p>
        <LanguageSwitch label={say('language')} />
      </div>
    </>
  );
}
