/** Starts the page of a session: reads which one from the address, asks for its lots, and views each as it is shown. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import './session.css';
import { signal } from '@preact/signals';
import { browserWorld } from '../connection/page-world.ts';
import { viewHere } from '../opening/browser-viewing.ts';
import type { Viewing } from '../opening/viewing.ts';
import { showPage } from '../parts/show-page.ts';
import { type Finding, followLots } from './lots.ts';
import { Page } from './page.tsx';
import { openRoom } from './room.ts';

/** `/sessions/<id>`, the only address of this page: the server gives it for no other. */
function sessionIdOf(path: string): string {
  return /^\/sessions\/([^/]+)/.exec(path)?.[1] ?? '';
}

const sessionId = sessionIdOf(location.pathname);
const finding = signal<Finding>('asking');
const viewings = new Map<string, Viewing>();

/** Views a lot from when it is first known, outside of any rendering. */
function viewingOf(openingId: string): Viewing {
  const viewing = viewings.get(openingId) ?? viewHere(openingId);
  viewings.set(openingId, viewing);
  return viewing;
}

async function ask(): Promise<unknown> {
  const answer = await fetch(`/sessions/${sessionId}`, { headers: { accept: 'application/json' } });
  if (answer.status === 404) return null;
  return answer.ok ? answer.json() : undefined;
}

followLots(browserWorld, ask, (present) => {
  if (typeof present === 'object') for (const { openingId } of present.openings) viewingOf(openingId);
  finding.value = present;
});
/** The server's now by whichever lot knows it; by this computer's clock before any does. */
function now(): number {
  for (const viewing of viewings.values()) {
    const known = viewing.now.peek();
    if (known !== null) return known;
  }
  return Date.now();
}

const room = openRoom(now);
showPage(() => <Page sessionId={sessionId} finding={finding} viewingOf={viewingOf} room={room} />);
