/** What a pre-flight measures its line by: a few bytes down, as many up, and a socket that only answers pings; nothing of it is kept. */
import { EventEmitter } from 'node:events';
import * as Type from 'typebox';
import type { WebSocket } from 'ws';
import { CLOSE_REASONS, type CloseReason, type Down } from '../core/wire/down.ts';
import { readUp } from '../live/socket.ts';
import { sendProblem } from './answer.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { type Limits, networkOf } from './limits.ts';
import { leaveWith, pageTicket } from './live.ts';

/**
 * The bytes of one measurement, in each direction.
 *
 * Why: long enough that a slow line shows (2 s at 1 Mbit/s), and short enough that a room of bidders who all measure at once is no load.
 */
export const PROBE_BYTES = 262_144;
/** How long a probing socket stands, ms, and how often it is answered. */
export const PROBE_SOCKET_MS = 10_000;
export const PROBE_PINGS = 16;

export function addPreflight(app: Nouns, dependencies: Dependencies, limits: Limits): void {
  const { world, hall, config } = dependencies;
  const open = new Set<(reason: CloseReason) => void>();
  // no proxy and no browser makes chance any shorter
  let bytes: Uint8Array | null = null;
  app.get(
    '/preflight/bytes',
    {
      config: { limit: 'probes' },
      schema: { tags: ['preflight'], summary: `${PROBE_BYTES} bytes of chance, to measure a line by` },
    },
    async (_request, reply) => {
      bytes ??= world.randomBytes(PROBE_BYTES);
      return reply.type('application/octet-stream').send(bytes);
    },
  );
  app.register(async (inside) => {
    inside.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body.length),
    );
    inside.post(
      '/preflight/bytes',
      {
        config: { limit: 'probes' },
        bodyLimit: PROBE_BYTES,
        schema: {
          tags: ['preflight'],
          summary: `Takes up to ${PROBE_BYTES} bytes, says how many, and lets go of them`,
          response: { 200: Type.Object({ bytes: Type.Integer() }) },
        },
      },
      async ({ body }) => ({ bytes: Number(body) }),
    );
  });
  app.route({
    method: 'GET',
    url: '/preflight/live',
    schema: { tags: ['preflight'], summary: 'WebSocket: answers pings, and ends by itself' },
    preHandler: async (request) => {
      if (!request.ws) return;
      if (hall.viewers() >= config.socketLimit) throw new ProblemError('too_many_viewers');
      pageTicket(dependencies, request.headers);
      const leave = limits.takeSocket(`address ${networkOf(request.ip)}`);
      if (leave === null) throw new ProblemError('too_many_sockets');
      if (request.raw.socket instanceof EventEmitter) leaveWith(request.raw.socket, leave);
    },
    handler: (_request, reply) => sendProblem(reply, 'upgrade_required'),
    wsHandler: (socket) => {
      const close = answerPings(socket, world, () => open.delete(close));
      open.add(close);
    },
  });
  app.addHook('preClose', async () => {
    for (const close of open) close('server_stopping');
  });
}

/** Returns: what ends it. Calls: `onClosed` when it has ended. */
function answerPings(
  socket: WebSocket,
  world: Pick<Dependencies['world'], 'now' | 'after'>,
  onClosed: () => void,
): (reason: CloseReason) => void {
  const close = (reason: CloseReason): void => socket.close(CLOSE_REASONS[reason], reason);
  const cancel = world.after(PROBE_SOCKET_MS, () => socket.close(1000));
  let pings = 0;
  // a socket that has broken closes as well
  socket.on('error', () => undefined);
  socket.on('close', () => {
    cancel();
    onClosed();
  });
  socket.on('message', (data, isBinary) => {
    const up = isBinary ? null : readUp(data);
    if (up === null) return close('bad_message');
    pings += 1;
    if (pings > PROBE_PINGS) return close('too_many_messages');
    const pong: Down = { v: 1, kind: 'pong', ping: up.ping, now: world.now() };
    socket.send(JSON.stringify(pong));
  });
  return close;
}
