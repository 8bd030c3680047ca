/** Starts the page of one opening: reads which one from the address. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import './opening.css';
import { render } from 'preact';
import { Message } from '../parts/message.tsx';
import { openHall } from './hall.ts';
import { Page } from './page.tsx';
import { say } from './words.ts';

/** `/openings/<id>`, the only address of this page. */
function openingIdOf(path: string): string | null {
  return /^\/openings\/([a-z0-9][a-z0-9-]{0,62}[a-z0-9])\/?$/.exec(path)?.[1] ?? null;
}

const place = document.getElementById('page');
if (place === null) throw new Error('the page has no place for its content');
const openingId = openingIdOf(location.pathname);
render(
  openingId === null ? (
    <main id="main" class="blank">
      <Message title={say('noId')} words={say('noIdWords')} />
    </main>
  ) : (
    <Page hall={openHall(openingId)} />
  ),
  place,
);
// Behind the first picture: only machines without a Chinese font of their own ever fetch a slice of it.
void import('../parts/font.css');
