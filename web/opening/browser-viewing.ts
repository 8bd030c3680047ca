/** A viewing wired to the browser's own parts: its sockets, its storage, its clock, its cryptography. */
import { sha256 } from '@noble/hashes/sha2.js';
import { Check } from 'typebox/schema';
import { REPORT_PATH, VerdictAnswer } from '../../server/core/log/head-report.ts';
import { browserWorld } from '../connection/page-world.ts';
import { type AskTicket, liveSocket } from '../connection/web-socket.ts';
import { type PinStorage, pinBoard } from '../replica/pin.ts';
import { browserEd25519 } from '../replica/verify-ed25519.ts';
import type { Answered } from './head-reports.ts';
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
    reports: { readMonitors, post: postHead },
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

/** How long a monitor may take to answer. */
const REPORT_LIMIT_MS = 10_000;

async function readMonitors(): Promise<readonly string[] | null> {
  try {
    const answer = await fetch('/platform', { headers: { accept: 'application/json' } });
    if (!answer.ok) return null;
    const { monitors } = (await answer.json()) as { readonly monitors?: readonly string[] };
    return monitors ?? [];
  } catch (fault) {
    if (fault instanceof TypeError || fault instanceof SyntaxError) return null;
    throw fault;
  }
}

/** Says nothing of who is here: no cookie, no address of the page. */
async function postHead(address: string, note: string): Promise<Answered> {
  try {
    const answer = await fetch(address + REPORT_PATH, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: note,
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(REPORT_LIMIT_MS),
    });
    const said: unknown = answer.ok ? await answer.json() : null;
    return Check(VerdictAnswer, said) ? said : null;
  } catch (fault) {
    // not reached, not in time, no JSON
    if (fault instanceof TypeError || fault instanceof DOMException || fault instanceof SyntaxError) return null;
    throw fault;
  }
}
