/** The bench's second reference: Socket.IO as it is delivered, each event to everyone in one room. Not TypeScript: so checks need not have it installed. */
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { makeTexts } from './events.ts';
import { serve } from './serve.ts';

await serve(async () => {
  const texts = makeTexts();
  const http = createServer();
  const io = new Server(http, { serveClient: false, transports: ['websocket'] });
  io.on('connection', (socket) => void socket.join('opening'));
  await new Promise((listening) => http.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => listening(null)));
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return { port: address.port, event: (n) => void io.to('opening').emit('entry', texts[n]) };
});
