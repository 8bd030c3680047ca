/** The end of serving: whoever can end does, and who cannot keeps nobody waiting longer than the grace. */
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connectionsOf, stopServing } from '../../server/http/shutdown.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';
import { OPENING_ID, ORIGIN, setBench } from './bench.ts';

const GRACE_MS = 3_000;
const bench = await setBench(t);
const { app } = bench;
const connections = connectionsOf(app);
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address() as AddressInfo;

type Line = { readonly socket: Socket; heard: string; isOver: boolean };

/** A connection as it is, without a library that lets go of it by itself. */
async function line(): Promise<Line> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const opened: Line = { socket, heard: '', isOver: false };
  socket.on('data', (said: Buffer) => {
    opened.heard += said.toString();
  });
  socket.on('end', () => {
    opened.isOver = true;
  });
  socket.on('error', () => {
    opened.isOver = true;
  });
  t.teardown(() => socket.destroy());
  await new Promise<void>((open) => socket.once('connect', open));
  return opened;
}

const UPGRADE = [
  `GET /openings/${OPENING_ID}/live HTTP/1.1`,
  'Host: kaibiao.test',
  `Origin: ${ORIGIN}`,
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');

t.test(
  'what nobody said anything on, and what asks for a socket too late, ends by itself; the rest with the grace',
  async (t) => {
    const world = steppedWorld();
    const silent = await line();
    const late = await line();
    late.socket.write(UPGRADE.slice(0, 20));
    const half = await line();
    half.socket.write('GET /hea');
    await until(() => [...connections].filter(({ bytesRead }) => bytesRead > 0).length === 2);
    await until(() => connections.size === 3);
    let isOver = false;
    let told = 0;
    const hall = { close: () => void told++ };
    const stopping = stopServing(app, connections, hall, world, GRACE_MS).then(() => {
      isOver = true;
    });
    await until(() => silent.isOver);
    late.socket.write(UPGRADE.slice(20));
    await until(() => late.isOver);
    await until(() => connections.size === 1);
    t.notOk(isOver, 'somebody is in the middle of asking something');
    t.equal(told, 1);
    world.advance(GRACE_MS - 1);
    t.equal(connections.size, 1);
    world.advance(1);
    await stopping;
    await until(() => connections.size === 0);
    t.equal(world.alarms(), 0);
  },
);
