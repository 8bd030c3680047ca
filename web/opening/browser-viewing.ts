/** A viewing wired to the browser's own parts: its sockets, its storage, its clock, its cryptography. */
import { sha256 } from '@noble/hashes/sha2.js';
import { browserWorld } from '../connection/page-world.ts';
import { type AskTicket, liveSocket } from '../connection/web-socket.ts';
import { type PinStorage, pinBoard } from '../replica/pin.ts';
import { browserEd25519 } from '../replica/verify-ed25519.ts';
import type { OutsideAnswer } from './outside.ts';
import { type Viewing, viewOpening } from './viewing.ts';

/** Starts viewing an opening from the server that gave this page: as the public, or as whoever a ticket is given to. */
export function viewHere(openingId: string, askTicket: AskTicket | null = null): Viewing {
  const viewing = viewOpening({
    openingId,
    world: browserWorld,
    sha256,
    // absent on plain http
    verifyEd25519: browserEd25519((globalThis.crypto as Crypto | undefined)?.subtle ?? null),
    pins: pinBoard(storage(), openingId),
    openSocket: liveSocket(location, openingId, askTicket),
    isThere: () => isThere(openingId),
    readOutside: () => readOutside(openingId),
  });
  window.addEventListener('online', viewing.hurry);
  return viewing;
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

async function readOutside(openingId: string): Promise<OutsideAnswer | null> {
  const ask = (what: string) => fetch(`/openings/${openingId}/${what}`, { headers: { accept: 'application/json' } });
  try {
    const [stamp, cosigning] = await Promise.all([ask('timestamp'), ask('cosignatures')]);
    return stamp.ok && cosigning.ok ? { stamp: await stamp.json(), cosigning: await cosigning.json() } : null;
  } catch (fault) {
    if (fault instanceof TypeError) return null;
    throw fault;
  }
}
