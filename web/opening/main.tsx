/** Starts the page of one opening: reads which one from the address. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import './opening.css';
import { Message } from '../parts/message.tsx';
import { showPage } from '../parts/show-page.ts';
import { fetchDetails } from './details-arriving.ts';
import { openHall } from './hall.ts';
import { Page } from './page.tsx';
import { say } from './words.ts';

/** `/openings/<id>`, the only address of this page. */
function openingIdOf(path: string): string | null {
  return /^\/openings\/([a-z0-9][a-z0-9-]{0,62}[a-z0-9])\/?$/.exec(path)?.[1] ?? null;
}

const openingId = openingIdOf(location.pathname);
const hall = openingId === null ? null : openHall(openingId);
if (hall !== null) fetchDetails().catch(hall.fail);
showPage(() =>
  hall === null ? (
    <main id="main" class="blank">
      <Message title={say('noId')} words={say('noIdWords')} />
    </main>
  ) : (
    <Page hall={hall} />
  ),
);
