/** Starts the page of one opening: reads which one from the address, and wires the browser's own parts to the session. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import './opening.css';
import { sha256 } from '@noble/hashes/sha2.js';
import { render } from 'preact';
import { browserWorld } from '../connection/page-world.ts';
import { liveSocket } from '../connection/web-socket.ts';
import { type PinStorage, pinBoard } from '../replica/pin.ts';
import { browserEd25519 } from '../replica/verify-ed25519.ts';
import { Message, Page } from './page.tsx';
import { viewOpening } from './session.ts';
import { say } from './words.ts';

/** `/openings/<id>`, the only address of this page. */
function openingIdOf(path: string): string | null {
  return /^\/openings\/([a-z0-9][a-z0-9-]{0,62}[a-z0-9])\/?$/.exec(path)?.[1] ?? null;
}

/** A browser may refuse even to name its storage. */
function storage(): PinStorage | null {
  try {
    return localStorage;
  } catch (fault) {
    if (fault instanceof DOMException) return null;
    throw fault;
  }
}

async function isThere(openingId: string): Promise<boolean | null> {
  try {
    const answer = await fetch(`/openings/${openingId}`, { headers: { accept: 'application/json' } });
    if (answer.status === 404) return false;
    return answer.ok ? true : null;
  } catch (fault) {
    // fetch says by a TypeError that nobody answered
    if (fault instanceof TypeError) return null;
    throw fault;
  }
}

const place = document.getElementById('page');
if (place === null) throw new Error('the page has no place for its content');
const openingId = openingIdOf(location.pathname);
if (openingId === null) {
  render(
    <main id="main" class="blank">
      <Message title={say('noId')} words={say('noIdWords')} />
    </main>,
    place,
  );
} else {
  const session = viewOpening({
    openingId,
    world: browserWorld,
    sha256,
    // absent on plain http
    verifyEd25519: browserEd25519((globalThis.crypto as Crypto | undefined)?.subtle ?? null),
    pins: pinBoard(storage(), openingId),
    openSocket: liveSocket(location, openingId, () => null),
    isThere: () => isThere(openingId),
  });
  window.addEventListener('online', session.hurry);
  render(<Page session={session} />, place);
}
// Behind the first picture: only machines without a Chinese font of their own ever fetch a slice of it.
void import('../parts/font.css');
