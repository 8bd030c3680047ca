/** The bench's reference: the `ws` library alone, and a loop that sends each event to each socket. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { makeTexts } from './events.ts';
import { serve } from './serve.ts';

await serve(async () => {
  const texts = makeTexts();
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 4_096 });
  await new Promise((listening) => server.once('listening', listening));
  return {
    port: (server.address() as AddressInfo).port,
    event(n) {
      const text = texts[n] ?? '';
      for (const socket of server.clients) socket.send(text);
    },
  };
});
