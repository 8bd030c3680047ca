/** Starts the lobby: asks for the openings again and again, and keeps the server's time between two answers. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import './lobby.css';
import { signal } from '@preact/signals';
import { askAgain, type Found } from '../connection/ask-again.ts';
import { browserWorld } from '../connection/page-world.ts';
import { serverClock } from '../connection/server-clock.ts';
import { showPage } from '../parts/show-page.ts';
import { askAllPages, type LobbyList, type OpeningList, readLobby, readOpenings } from './openings.ts';
import { Page } from './page.tsx';

const found = signal<Found<LobbyList>>('asking');
const now = signal<number | null>(null);
const clock = serverClock(browserWorld.monotonicNow);

async function askPage(before: string | null): Promise<OpeningList | null> {
  const sentAt = browserWorld.monotonicNow();
  const query = before === null ? '' : `?before=${before}`;
  const answer = await fetch(`/openings${query}`, { headers: { accept: 'application/json' } });
  const list = answer.ok ? readOpenings(await answer.json()) : null;
  if (list !== null) {
    clock.begin();
    clock.sample(sentAt, browserWorld.monotonicNow(), list.now);
  }
  return list;
}

let dropTick = (): void => undefined;
/** Shows the time and comes back when the server's second turns. */
function tick(): void {
  dropTick();
  const present = clock.now();
  now.value = present === null ? null : present - (present % 1000);
  dropTick = browserWorld.after(1000 - ((present ?? 0) % 1000), tick);
}

askAgain(
  browserWorld,
  async () => (await askAllPages(askPage)) ?? undefined,
  readLobby,
  (present) => {
    found.value = present;
    // with the first answer the time is known
    tick();
  },
);
showPage(() => <Page found={found} now={now} />);
