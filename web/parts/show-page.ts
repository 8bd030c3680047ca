/** Puts a page where it belongs, in its reader's language. */
import { type ComponentChild, render } from 'preact';
import { fetchWords } from './language.ts';

/** Shows a page once its words are there; in Chinese when the English ones cannot be fetched. */
export function showPage(page: () => ComponentChild): void {
  const place = document.getElementById('page');
  if (place === null) throw new Error('the page has no place for its content');
  const show = (): void => render(page(), place);
  fetchWords().then(show, show);
  // Behind the first picture: only machines without a Chinese font of their own ever fetch a slice of it.
  void import('./font.css');
}
