/** Puts a page where it belongs, in its reader's language. */
import { type ComponentChild, render } from 'preact';
import { afterPaint } from './after-paint.ts';
import { keepFocus } from './keep-focus.ts';
import { fetchWords } from './language.ts';

/**
 * Shows a page once its words are there; in Chinese when the English ones cannot be fetched.
 *
 * Shape: `stands` is kept when the page has something to read; by default it has from the first.
 */
export function showPage(page: () => ComponentChild, stands: Promise<void> = Promise.resolve()): void {
  const place = document.getElementById('page');
  if (place === null) throw new Error('the page has no place for its content');
  const show = (): void => render(page(), place);
  keepFocus();
  const shown = fetchWords().then(show, show);
  // Only machines without a Chinese font of their own ever fetch a slice of it; to find that out would hold up the first picture.
  void Promise.all([shown, stands]).then(() => afterPaint(() => void import('./font.css')));
}
