/** One WebSocket: what it may say, what it is told, and how a room's outbox writes to it. Who may come in was decided before. */
import type { Duplex } from 'node:stream';
import { Check } from 'typebox/schema';
import type { RawData, WebSocket } from 'ws';
import { CLOSE_REASONS, type CloseReason } from '../core/wire/down.ts';
import { type Up, UpSchema } from '../core/wire/up.ts';
import type { World } from '../world.ts';
import type { Sink } from './outbox.ts';
import type { Room, Viewer } from './room.ts';
import { message } from './text-frame.ts';

/** Messages a viewer may send in one period: a page pings every few seconds. */
const MESSAGES_PER_PERIOD = 30;
const PERIOD_MS = 10_000;

/** A viewer who has been let in. */
export type Arrival = { readonly room: Room; readonly viewer: Viewer; readonly after: number };

/**
 * Seats a viewer.
 *
 * Why: no handler is attached after an await, or what the viewer says at once would be lost; so everything that takes time
 *      (ticket, room, access log) comes before the upgrade.
 */
export function attend(socket: WebSocket, { room, viewer, after }: Arrival, world: Pick<World, 'now'>): void {
  let periodBeganAt = world.now();
  let messages = 0;
  // A socket that has broken closes as well; there is nothing more to say about it.
  socket.on('error', () => seat.leave());
  socket.on('close', () => seat.leave());
  socket.on('pong', () => seat.hear());
  socket.on('message', (data, isBinary) => {
    seat.hear();
    if (world.now() - periodBeganAt >= PERIOD_MS) {
      periodBeganAt = world.now();
      messages = 0;
    }
    messages++;
    if (messages > MESSAGES_PER_PERIOD) return seat.outbox.close('too_many_messages');
    const up = isBinary ? null : readUp(data);
    if (up === null) return seat.outbox.close('bad_message');
    seat.outbox.say(message({ v: 1, kind: 'pong', ping: up.ping, now: world.now() }), true);
  });
  const seat = room.join(viewer, after, sinkOf(socket));
}

/** What a viewer said, or null when it is nothing that may be said. */
export function readUp(data: RawData): Up | null {
  try {
    const value: unknown = JSON.parse(data.toString());
    return Check(UpSchema, value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function sinkOf(socket: WebSocket): Sink {
  const stream = streamOf(socket);
  let isFull = false;
  let resume: (() => void) | null = null;
  stream.on('drain', () => {
    isFull = false;
    resume?.();
    resume = null;
  });
  return {
    write(bytes) {
      if (socket.readyState === socket.OPEN) isFull = !stream.write(bytes);
    },
    waitingBytes: () => stream.writableLength,
    close(reason: CloseReason) {
      socket.close(CLOSE_REASONS[reason], reason);
    },
    onDrained(then) {
      if (isFull) resume = then;
      else then();
    },
  };
}

/**
 * The connection below a socket.
 *
 * Why: frames are made once and written as they are; the library's `send` would make a header for each viewer. Its own
 *      messages (pong, close) are written whole as well while compression is off, so the two never mix.
 */
function streamOf(socket: WebSocket): Duplex {
  const { _socket: stream } = socket as unknown as { readonly _socket?: Duplex };
  if (stream === undefined) throw new Error('the socket has no connection');
  return stream;
}
