/** One live socket of a person's: a ticket, the frames in their order into the copy of the log, an end with or without a finding. */
import { Check } from 'typebox/schema';
import { type RawData, WebSocket } from 'ws';
import type { PersonRole } from '../../core/opening/roles.ts';
import type { OpeningState } from '../../core/opening/state.ts';
import { type Down, DownSchema } from '../../core/wire/down.ts';
import { SUBPROTOCOL } from '../../core/wire/version.ts';
import type { LogCopy } from './log-copy.ts';
import type { Person } from './person.ts';
import { PersonError } from './person-error.ts';

/** The longest message: a frame of many entries with a roster of a thousand bidders. */
const MESSAGE_LIMIT_BYTES = 64 * 2 ** 20;
const HANDSHAKE_LIMIT_MS = 10_000;
/** A server that lives says so more often than this. */
const SILENCE_LIMIT_MS = 90_000;

/** `state`: the one that was waited for, or null. `hasHeard`: the socket said something before it ended. */
export type Followed = { readonly state: OpeningState | null; readonly hasHeard: boolean };

/**
 * Follows an opening until `isSo`, the socket ends, or the signal says so.
 *
 * Shape:  `isSo` is asked after each frame that brought the copy to the newest head this person knows.
 * Throws: what LogCopy.take throws: a log that contradicts itself is no reason to try again.
 */
export async function followLive(
  person: Person,
  openingId: string,
  role: PersonRole,
  isSo: (state: OpeningState) => boolean,
  signal?: AbortSignal,
): Promise<Followed> {
  const { copy } = await person.log(openingId, role);
  const { ticket } = await person.api.askTicket(openingId, role);
  const url = `${person.origin.replace(/^http/, 'ws')}/openings/${encodeURIComponent(openingId)}/live?after=${copy.size() - 1}`;
  const socket = new WebSocket(url, [SUBPROTOCOL, `ticket.${ticket}`], {
    maxPayload: MESSAGE_LIMIT_BYTES,
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    perMessageDeflate: false,
    followRedirects: false,
  });
  return new Promise((resolve, reject) => {
    let hasHeard = false;
    let isOver = false;
    let cancelSilence = listen();
    let work: Promise<void> = Promise.resolve();

    function listen(): () => void {
      return person.world.after(SILENCE_LIMIT_MS, () => socket.terminate());
    }
    function finish(end: () => void): void {
      if (isOver) return;
      isOver = true;
      cancelSilence();
      signal?.removeEventListener('abort', stop);
      socket.close();
      end();
    }
    const stop = () => finish(() => resolve({ state: null, hasHeard }));

    signal?.addEventListener('abort', stop);
    socket.on('message', (data) => {
      cancelSilence();
      if (isOver) return;
      cancelSilence = listen();
      hasHeard = true;
      work = work
        .then(() => (isOver ? null : hear(copy, data)))
        .then((state) => {
          if (state !== null && isSo(state)) finish(() => resolve({ state, hasHeard }));
        })
        .catch((fault: unknown) => finish(() => reject(fault)));
    });
    // Why a socket failed is told by what follows: asking the pages again either works or says why not.
    socket.on('error', () => stop());
    socket.on('close', () => {
      void work.then(stop);
    });
    if (signal?.aborted) stop();
  });
}

/** Takes one message in. Returns: the state it leads to, or null when there is nothing new to look at. */
async function hear(copy: LogCopy, data: RawData): Promise<OpeningState | null> {
  const down = readDown(data);
  switch (down.kind) {
    case 'entries':
      await copy.take(down);
      break;
    case 'own':
      await copy.takeDisclosures(down.disclosures);
      break;
    case 'resync':
      copy.restart();
      return null;
    case 'pulse':
    case 'pong':
      return null;
  }
  const held = copy.held();
  return held !== null && (await copy.isCurrent()) ? held.state : null;
}

function readDown(data: RawData): Down {
  const value: unknown = JSON.parse(data.toString());
  if (!Check(DownSchema, value)) throw new PersonError('log_not_genuine', 'a message of another form');
  return value;
}
