/** Starts the lobby: asks for the openings again and again, and keeps the server's time between two answers. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import './lobby.css';
import { signal } from '@preact/signals';
import { render } from 'preact';
import { askAgain, type Found } from '../connection/ask-again.ts';
import { browserWorld } from '../connection/page-world.ts';
import { serverClock } from '../connection/server-clock.ts';
import { type OpeningList, PAGE_LIMIT, PAGES_LIMIT, readOpenings } from './openings.ts';
import { Page } from './page.tsx';

const place = document.getElementById('page');
if (place === null) throw new Error('the page has no place for its content');
const found = signal<Found<OpeningList>>('asking');
const now = signal<number | null>(null);
const clock = serverClock(browserWorld.monotonicNow);

async function askPage(before: number | null): Promise<OpeningList | null> {
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

/** All openings, page by page: the newest are not the next to be opened. */
async function ask(): Promise<unknown> {
  const first = await askPage(null);
  if (first === null) return undefined;
  const openings = [...first.openings];
  let last = first;
  for (let pages = 1; pages < PAGES_LIMIT && last.openings.length >= PAGE_LIMIT; pages++) {
    const next = await askPage(last.openings[last.openings.length - 1]?.createdAt ?? 0);
    if (next === null) return undefined;
    openings.push(...next.openings);
    last = next;
  }
  return { openings, now: last.now };
}

let dropTick = (): void => undefined;
/** Shows the time and comes back when the server's second turns. */
function tick(): void {
  dropTick();
  const present = clock.now();
  now.value = present === null ? null : present - (present % 1000);
  dropTick = browserWorld.after(1000 - ((present ?? 0) % 1000), tick);
}

askAgain(browserWorld, ask, readOpenings, (present) => {
  found.value = present;
  // with the first answer the time is known
  tick();
});
render(<Page found={found} now={now} />, place);
// Behind the first picture: only machines without a Chinese font of their own ever fetch a slice of it.
void import('../parts/font.css');
