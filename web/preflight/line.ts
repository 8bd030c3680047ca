/** Measures the line to the platform: the time there and back, the two clocks, bytes in both directions, and a live connection. */

import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { clockOf } from '../../server/client/preflight-checks.ts';
import { PREFLIGHT_FINDINGS } from '../../server/core/seal/preflight-words.ts';
import type { Down } from '../../server/core/wire/down.ts';
import { PongSchema } from '../../server/core/wire/down.ts';
import type { PageWorld } from '../connection/page-world.ts';
import type { ServerClock } from '../connection/server-clock.ts';
import { type Facts, type FindingCode, found, good, type Line, still } from './lines.ts';

/** How often the platform is asked for its time; the fastest answer is believed. */
export const ASKED_TIMES = 5;
/** How long one answer, the bytes of a measurement, or the opening of a socket may take, ms. */
export const LINE_WAIT_MS = 20_000;
/** From here on the way there and back is called long, ms. */
export const SLOW_ANSWER_MS = 500;
/** Below these a line is called slow, bits a second. Why: the page of a large opening in some seconds; 100 MB of documents in 14 minutes. */
export const SLOW_DOWN_BITS = 1_000_000;
export const SLOW_UP_BITS = 1_000_000;
/** The bid whose sending is reckoned with, bytes. */
export const EXAMPLE_BID_BYTES = 100_000_000;

export type LineNeeds = {
  readonly world: Pick<PageWorld, 'monotonicNow' | 'after'>;
  /** The platform's, set by what is measured. */
  readonly clock: ServerClock;
  /** This computer's clock, ms since 1970: the one that is judged. */
  ownNow(): number;
  readonly fetch: (path: string, init: RequestInit) => Promise<Response>;
  /** Calls back when something came or it is over; what is sent is a ping. */
  openSocket(events: { onOpen(): void; onMessage(data: unknown): void; onClose(): void }): {
    send(text: string): void;
    close(): void;
  };
};

const Told = Type.Object({ now: Type.Integer() });

/** Measures one after the other, for measurements at once would slow each other down. */
export async function measureLine(needs: LineNeeds, tell: (line: Line) => void): Promise<void> {
  const first = await timeAndWay(needs);
  for (const line of first) tell(line);
  // with nobody there, nothing else need be waited for
  if (first.some(({ check, level }) => check === 'answer' && level === 'bad')) {
    for (const check of ['down', 'up', 'socket'] as const) tell(still(check, 'none'));
    return;
  }
  const down = await bytesDown(needs);
  tell(down.line);
  // as many up as came down: what the platform takes is what it gives
  tell(await bytesUp(needs, down.bytes));
  tell(await liveLine(needs));
}

async function timeAndWay(needs: LineNeeds): Promise<Line[]> {
  const { world, clock, ownNow } = needs;
  clock.begin();
  let best: { wayMs: number; line: Line } | null = null;
  let longest = 0;
  for (let asked = 0; asked < ASKED_TIMES; asked++) {
    const began = world.monotonicNow();
    const sentAt = ownNow();
    const answer = await ask(needs, '/platform', {}, async (response) => response.json());
    if (answer === null) return [found('answer', 'no_answer'), still('clock', 'none')];
    const wayMs = world.monotonicNow() - began;
    if (!Check(Told, answer.body)) return [found('answer', 'no_answer'), still('clock', 'none')];
    clock.sample(began, began + wayMs, answer.body.now);
    longest = Math.max(longest, wayMs);
    if (best === null || wayMs < best.wayMs) best = { wayMs, line: clockLine(answer.body.now, sentAt, sentAt + wayMs) };
  }
  if (best === null) return [];
  const facts = { ms: Math.round(best.wayMs), longest: Math.round(longest), n: ASKED_TIMES };
  const answer = best.wayMs > SLOW_ANSWER_MS ? found('answer', 'slow_answer', facts, facts) : good('answer', facts);
  return [answer, best.line];
}

function clockLine(serverAt: number, sentAt: number, answeredAt: number): Line {
  const { code } = clockOf(serverAt, sentAt, answeredAt);
  const offsetMs = Math.round((sentAt + answeredAt) / 2 - serverAt);
  const facts = { offsetMs, exact: Math.ceil((answeredAt - sentAt) / 2) };
  if (code === null) return good('clock', facts);
  return { check: 'clock', level: PREFLIGHT_FINDINGS[code].severity, facts, finding: { known: code } };
}

async function bytesDown(needs: LineNeeds): Promise<{ line: Line; bytes: ArrayBuffer | null }> {
  const began = needs.world.monotonicNow();
  const answer = await ask(needs, '/preflight/bytes', {}, async (response) => response.arrayBuffer());
  const unmeasured = whyUnmeasured(answer);
  if (answer === null || unmeasured !== null) return { line: found('down', unmeasured ?? 'no_answer'), bytes: null };
  const facts = rateFacts(answer.body.byteLength, needs.world.monotonicNow() - began);
  const line = facts.bits < SLOW_DOWN_BITS ? found('down', 'slow_down', {}, facts.said) : good('down', facts.said);
  return { line, bytes: answer.body };
}

async function bytesUp(needs: LineNeeds, bytes: ArrayBuffer | null): Promise<Line> {
  if (bytes === null) return still('up', 'none');
  const began = needs.world.monotonicNow();
  const init = { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: bytes };
  const answer = await ask(needs, '/preflight/bytes', init, async (response) => response.text());
  const unmeasured = whyUnmeasured(answer);
  if (unmeasured !== null) return found('up', unmeasured);
  const { bits, said } = rateFacts(bytes.byteLength, needs.world.monotonicNow() - began);
  const minutes = Math.max(1, Math.ceil((EXAMPLE_BID_BYTES * 8) / bits / 60));
  return bits < SLOW_UP_BITS ? found('up', 'slow_up', { minutes }, said) : good('up', said);
}

/** The whole time counts, the way there and back included: so it is the least that the line carries. */
function rateFacts(bytes: number, tookMs: number): { bits: number; said: Facts } {
  const ms = Math.max(1, tookMs);
  const bits = (bytes * 8_000) / ms;
  return { bits, said: { kib: Math.round(bytes / 1_024), ms: Math.round(ms), rate: (bits / 1e6).toFixed(1) } };
}

type Answered<Body> = { readonly status: number; readonly body: Body };

function whyUnmeasured(answer: Answered<unknown> | null): FindingCode | null {
  if (answer === null) return 'no_answer';
  if (answer.status === 429) return 'too_often';
  return answer.status === 503 ? 'platform_busy' : null;
}

/** Null where nobody answers in time, or not as the platform does; that too much was asked, or that it is busy, is an answer. */
async function ask<Body>(
  { fetch, world }: LineNeeds,
  path: string,
  init: RequestInit,
  read: (response: Response) => Promise<Body>,
): Promise<Answered<Body> | null> {
  const over = new AbortController();
  const drop = world.after(LINE_WAIT_MS, () => over.abort());
  try {
    const response = await fetch(path, { ...init, cache: 'no-store', signal: over.signal });
    if (!response.ok && response.status !== 429 && response.status !== 503) return null;
    return { status: response.status, body: await read(response) };
  } catch (fault) {
    // nobody answered, it was broken off, or it was no JSON
    if (fault instanceof TypeError || fault instanceof DOMException || fault instanceof SyntaxError) return null;
    throw fault;
  } finally {
    drop();
  }
}

/** Opens a socket and has one ping answered: a proxy that lets the first through may swallow the second. */
function liveLine({ world, openSocket }: LineNeeds): Promise<Line> {
  return new Promise((resolve) => {
    let sentAt = 0;
    const began = world.monotonicNow();
    const drop = world.after(LINE_WAIT_MS, () => end(found('socket', 'no_socket')));
    function end(line: Line): void {
      drop();
      socket.close();
      resolve(line);
    }
    const socket = openSocket({
      onOpen() {
        sentAt = world.monotonicNow();
        socket.send(JSON.stringify({ v: 1, kind: 'ping', ping: 1 }));
      },
      onMessage(data) {
        if (!isPong(data)) return;
        const now = world.monotonicNow();
        end(good('socket', { opened: Math.round(sentAt - began), ms: Math.round(now - sentAt) }));
      },
      onClose: () => end(found('socket', 'no_socket')),
    });
  });
}

function isPong(data: unknown): boolean {
  if (typeof data !== 'string') return false;
  try {
    return Check(PongSchema, JSON.parse(data) as Down);
  } catch (fault) {
    if (fault instanceof SyntaxError) return false;
    throw fault;
  }
}
