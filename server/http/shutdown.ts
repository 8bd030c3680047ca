/** The end of serving: nobody new is taken, sockets are told, what runs may end, and who does not end is cut off. */
import type { Socket } from 'node:net';
import type { Hall } from '../live/hall.ts';
import type { World } from '../world.ts';
import type { App } from './app.ts';

/** All connections that are open, as they come and go. */
export function connectionsOf(app: Pick<App, 'server'>): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  app.server.on('connection', (connection: Socket) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
  });
  return connections;
}

/**
 * Stops serving.
 *
 * Shape: `graceMs` is how long what is under way may take; then every connection is cut.
 * Why:   who does not end within the grace is cut off; what it had been told stands, what it had not it asks again. Two kinds
 *        would never end by themselves, and people who come back all the time bring both: a connection on which nothing was said
 *        yet, which Node.js takes for a request under way, and whose time limit ends with `close()`; and one that asks to become a
 *        WebSocket when Fastify has begun to close, which answers 503 past every hook, so that nobody lets go of it.
 */
export async function stopServing(
  app: Pick<App, 'server' | 'close'>,
  connections: ReadonlySet<Socket>,
  hall: Pick<Hall, 'close'>,
  world: Pick<World, 'after'>,
  graceMs: number,
): Promise<void> {
  hall.close('server_stopping');
  const cancel = world.after(graceMs, () => {
    for (const connection of connections) connection.destroy();
  });
  // 1. Nobody new: from here on the connections only become fewer.
  app.server.close();
  // 2. Those that have said nothing.
  for (const connection of connections) if (connection.bytesRead === 0) connection.destroy();
  // 3. Those that were half-way through asking for a socket: the answer is written, then they are let go.
  app.server.on('upgrade', (_request, connection) => (connection as Socket).destroySoon());
  await app.close();
  cancel();
}
