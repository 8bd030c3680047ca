/** The head of a page that stands before the openings' own: the product, what this page is, the language. */
import type { ComponentChildren, JSX } from 'preact';
import { LanguageSwitch } from '../parts/language-switch.tsx';
import { say } from './words.ts';

/** `word` names the page; `children` stand before the languages: who is there. */
export function PlainTop({ word, children }: { word: string; children?: ComponentChildren }): JSX.Element {
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
        {children}
        <LanguageSwitch label={say('language')} />
      </div>
    </>
  );
}
