/** Starts the page of one opening: reads which one from the address. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import './opening.css';
import { effect } from '@preact/signals';
import { Message } from '../parts/message.tsx';
import { showPage } from '../parts/show-page.ts';
import { fetchDetails } from './details-arriving.ts';
import { type Hall, openHall } from './hall.ts';
import { Page } from './page.tsx';
import { say } from './words.ts';

/** `/openings/<id>`, the only address of this page. */
function openingIdOf(path: string): string | null {
  return /^\/openings\/([a-z0-9][a-z0-9-]{0,62}[a-z0-9])\/?$/.exec(path)?.[1] ?? null;
}

/** The log is expected within that, ms. */
const SOON_MS = 2_000;

/** Kept when the first entries are drawn, or when they are so long in coming that what stands meanwhile is what is read. */
function hallStands(hall: Hall): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, SOON_MS);
    const stop = effect(() => {
      if (hall.viewing.value.view.value.state === null) return;
      clearTimeout(timer);
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

const openingId = openingIdOf(location.pathname);
const hall = openingId === null ? null : openHall(openingId);
if (hall !== null) fetchDetails().catch(hall.fail);
showPage(
  () =>
    hall === null ? (
      <main id="main" class="blank">
        <Message title={say('noId')} words={say('noIdWords')} />
      </main>
    ) : (
      <Page hall={hall} />
    ),
  hall === null ? undefined : hallStands(hall),
);
