/** Somebody without an account who keeps everything the real server sends: answers with their headers, and the frames of a socket. */
import { WebSocket } from 'ws';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import type { Haystack } from './server-search.ts';

export type Answer = {
  readonly path: string;
  readonly status: number;
  readonly headers: string;
  readonly body: string;
};

export type Outsider = {
  /** Asks for these paths, as a program would, one after the other. */
  ask(paths: readonly string[]): Promise<Answer[]>;
  /** Everything sent so far. */
  heard(): readonly Haystack[];
  /** The frames of the socket so far. */
  frames(): readonly string[];
  /** Waits until a frame says this. */
  hears(text: string): Promise<void>;
};

type Teardown = { teardown(act: () => void): void };

/** Follows an opening from its first entry. */
export function openOutsider(t: Teardown, url: string, openingId: string): Outsider {
  const sent: Haystack[] = [];
  const frames: string[] = [];
  let wake: () => void = () => undefined;
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/openings/${openingId}/live?after=-1`, [SUBPROTOCOL], {
    origin: new URL(url).origin,
  });
  socket.on('message', (data) => {
    const frame = String(data);
    frames.push(frame);
    sent.push({ place: 'socket', bytes: Buffer.from(frame, 'utf8') });
    wake();
  });
  t.teardown(() => socket.terminate());
  return {
    async ask(paths) {
      const answers: Answer[] = [];
      for (const path of paths) {
        const response = await fetch(`${url}${path}`, { headers: { accept: 'application/json' } });
        const bytes = new Uint8Array(await response.arrayBuffer());
        const headers = [...response.headers].map((header) => header.join(': ')).join('\n');
        sent.push({ place: path, bytes }, { place: `${path} (headers)`, bytes: Buffer.from(headers, 'utf8') });
        answers.push({ path, status: response.status, headers, body: Buffer.from(bytes).toString('utf8') });
      }
      return answers;
    },
    heard: () => [...sent],
    frames: () => [...frames],
    async hears(text) {
      while (!frames.some((frame) => frame.includes(text))) await new Promise<void>((step) => (wake = step));
    },
  };
}
