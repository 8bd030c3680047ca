/** The lobby's words in English. */
import type { Key } from './words-zh.ts';

export const en: Readonly<Record<Key, string>> = {
  lobby: 'Bid openings',
  search: 'Find by title or number',
  running: 'Going on',
  coming: 'To come',
  over: 'Over',
  none_running: 'No opening is going on.',
  none_coming: 'No opening is to come.',
  none_over: 'No opening is over.',
  opening: 'Opening',
  phase: 'Phase',
  time: 'Opens at',
  until: 'Opens in',
  enter: 'Enter',
  nextOpening: 'The next opening',
  words: 'This list is the platform’s word; inside, the page checks the witness log before it shows anything.',
  loading: 'Fetching the openings…',
  loadingWords: 'One moment.',
  noAnswer: 'The platform does not answer; the page keeps trying.',
};
