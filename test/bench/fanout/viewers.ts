/** The bench's viewers: one process with thousands of raw sockets that count what comes and do as little else as a viewer can. */
import { connect, type Socket } from 'node:net';
import { SUBPROTOCOL } from '../../../server/core/wire/version.ts';
import { EVENT_BYTES, OPENING_ID } from './events.ts';
import { clockMs } from './serve.ts';

/** How a server is entered, and how its events are told apart from whatever else it says. */
export type Dialect = 'kaibiao' | 'plain-ws' | 'socket-io';
export type ViewersOrder =
  | { readonly do: 'open'; readonly dialect: Dialect; readonly port: number; readonly count: number }
  /** Answers once every viewer holds all events below `to`. */
  | { readonly do: 'await'; readonly from: number; readonly to: number }
  /** Held against when they were sent, of the events last waited for. */
  | { readonly do: 'lags'; readonly sentAt: readonly number[] }
  | { readonly do: 'close' };
export type ViewersReport =
  | { readonly opened: number }
  | { readonly allAt: number }
  | { readonly p99Ms: number; readonly mostMs: number }
  | { readonly closed: true };

/** Sockets on their way at a time. */
const OPENING = 256;
/** An event of the references is a message of its own, and longer than anything else they say. */
const EVENT_LEAST_BYTES = 600;
/** A frame of ours ends with its checkpoint, whose second line is the number of entries. */
const TAIL_BYTES = 400;
const CHECKPOINT = /"checkpoint":"[^"\\]*\\n([0-9]+)\\n/;
const PATHS: Readonly<Record<Dialect, string>> = {
  kaibiao: `/openings/${OPENING_ID}/live?after=0`,
  'plain-ws': '/',
  'socket-io': '/socket.io/?EIO=4&transport=websocket',
};
const OPCODE_TEXT = 0x81;
const OPCODE_PING = 0x89;
/** Frames of a client, masked with zeros. */
const PONG = Uint8Array.of(0x8a, 0x80, 0, 0, 0, 0);
const textFrame = (text: string): Uint8Array =>
  Uint8Array.of(0x81, 0x80 | text.length, 0, 0, 0, 0, ...Buffer.from(text));

type Viewer = {
  readonly index: number;
  readonly socket: Socket;
  readonly tail: Uint8Array;
  /** Of the frame that is being read: bytes of its header so far, then of its payload still to come. */
  headerBytes: number;
  readonly header: Uint8Array;
  payloadBytes: number;
  left: number;
  isOpen: boolean;
  /** Events held: all numbers from 1 below this. */
  next: number;
  /** Of all messages so far. */
  textBytes: number;
};

let dialect: Dialect = 'plain-ws';
let viewers: Viewer[] = [];
let round = { from: 1, to: 1, arrivals: new Float64Array(0), behind: 0 };
const say = (report: ViewersReport): void => void process.send?.(report);

/** One buffer for all sockets: what arrives is looked at and forgotten. */
const shared = Buffer.allocUnsafe(256 * 1_024);

function enter(index: number, port: number): Promise<Viewer> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      onread: { buffer: shared, callback: (bytes) => take(viewer, bytes) },
    });
    const viewer: Viewer = {
      index,
      socket,
      tail: Buffer.alloc(TAIL_BYTES),
      headerBytes: 0,
      header: Buffer.alloc(10),
      payloadBytes: 0,
      left: 0,
      isOpen: false,
      next: 1,
      textBytes: 0,
    };
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once('close', () => {
      if (viewers.length > 0) throw new Error(`the server closed socket ${index}`);
    });
    socket.write(
      `GET ${PATHS[dialect]} HTTP/1.1\r\nHost: bench.test\r\nOrigin: https://bench.test\r\nConnection: Upgrade\r\n` +
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
        `${dialect === 'kaibiao' ? `Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n` : ''}\r\n`,
    );
    entering.set(viewer, () => resolve(viewer));
  });
}
const entering = new Map<Viewer, () => void>();

/** Takes what the kernel has, for one viewer. Returns: true, so that reading goes on. */
function take(viewer: Viewer, count: number): boolean {
  let at = 0;
  if (!viewer.isOpen) {
    const answer = shared.subarray(0, count).toString('latin1');
    const end = answer.indexOf('\r\n\r\n');
    if (!answer.startsWith('HTTP/1.1 101') || end < 0) throw new Error(`not let in: ${answer.slice(0, 300)}`);
    viewer.isOpen = true;
    if (dialect === 'socket-io') viewer.socket.write(textFrame('40'));
    entering.get(viewer)?.();
    entering.delete(viewer);
    at = end + 4;
  }
  const now = clockMs();
  while (at < count) {
    if (viewer.left > 0) {
      const taken = Math.min(viewer.left, count - at);
      if (dialect === 'kaibiao') keepTail(viewer, at, taken);
      viewer.left -= taken;
      at += taken;
      if (viewer.left === 0) frameEnds(viewer, now);
    } else {
      viewer.header[viewer.headerBytes++] = shared[at++] ?? 0;
      if (isWhole(viewer) && viewer.left === 0) frameEnds(viewer, now);
    }
  }
  return true;
}

/** Whether the header is complete; then it says how much follows. */
function isWhole(viewer: Viewer): boolean {
  const { header, headerBytes } = viewer;
  if (headerBytes < 2) return false;
  const short = header[1] ?? 0;
  const need = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (headerBytes < need) return false;
  const view = new DataView(header.buffer, header.byteOffset);
  viewer.payloadBytes = short < 126 ? short : short === 126 ? view.getUint16(2) : Number(view.getBigUint64(2));
  viewer.left = viewer.payloadBytes;
  viewer.headerBytes = 0;
  return true;
}

/** Keeps the part of these bytes that lies among the last of the payload. */
function keepTail(viewer: Viewer, at: number, taken: number): void {
  const place = viewer.payloadBytes - viewer.left;
  const tailBegins = Math.max(0, viewer.payloadBytes - TAIL_BYTES);
  const from = Math.max(place, tailBegins);
  if (from < place + taken)
    viewer.tail.set(shared.subarray(at + from - place, at + taken), TAIL_BYTES - (viewer.payloadBytes - from));
}

function frameEnds(viewer: Viewer, now: number): void {
  const opcode = viewer.header[0];
  if (opcode === OPCODE_PING) viewer.socket.write(PONG);
  else if (opcode !== OPCODE_TEXT) throw new Error(`a frame of kind ${opcode}`);
  viewer.textBytes += viewer.payloadBytes;
  if (opcode === OPCODE_PING) return;
  if (dialect === 'kaibiao') {
    if (viewer.payloadBytes < EVENT_LEAST_BYTES) return;
    const [, size] =
      CHECKPOINT.exec(Buffer.from(viewer.tail.buffer, viewer.tail.byteOffset, TAIL_BYTES).toString('latin1')) ?? [];
    if (size === undefined) throw new Error('a frame without its checkpoint');
    hold(viewer, Number(size), now);
  } else if (viewer.payloadBytes >= EVENT_LEAST_BYTES) hold(viewer, viewer.next + 1, now);
  // Socket.IO's own ping is one character
  else if (dialect === 'socket-io' && viewer.payloadBytes === 1) viewer.socket.write(textFrame('3'));
}

/** The viewer holds all events below `next`. */
function hold(viewer: Viewer, next: number, now: number): void {
  for (let n = viewer.next; n < next; n++)
    if (n >= round.from && n < round.to) round.arrivals[(n - round.from) * viewers.length + viewer.index] = now;
  if (viewer.textBytes < (next - 1) * EVENT_BYTES) throw new Error(`${next - 1} events in ${viewer.textBytes} bytes`);
  const wasBehind = viewer.next < round.to;
  viewer.next = next;
  if (wasBehind && next >= round.to) {
    round.behind--;
    if (round.behind === 0) say({ allAt: now });
  }
}

async function open(port: number, count: number): Promise<void> {
  const opened: Viewer[] = [];
  for (let at = 0; at < count; at += OPENING) {
    const some = Array.from({ length: Math.min(OPENING, count - at) }, (_, n) => enter(at + n, port));
    opened.push(...(await Promise.all(some)));
  }
  viewers = opened;
  say({ opened: opened.length });
}

async function close(): Promise<void> {
  const leaving = viewers;
  viewers = [];
  await Promise.all(leaving.map(({ socket }) => new Promise((closed) => socket.once('close', closed).destroy())));
  say({ closed: true });
}

process.on('message', (order: ViewersOrder) => {
  if (order.do === 'open') {
    dialect = order.dialect;
    void open(order.port, order.count);
  } else if (order.do === 'await') {
    const { from, to } = order;
    round = { from, to, arrivals: new Float64Array((to - from) * viewers.length), behind: viewers.length };
  } else if (order.do === 'lags') {
    const lags = round.arrivals.map(
      (arrival, place) => arrival - (order.sentAt[Math.floor(place / viewers.length)] ?? 0),
    );
    lags.sort();
    say({ p99Ms: lags[Math.floor(lags.length * 0.99)] ?? Number.NaN, mostMs: lags.at(-1) ?? Number.NaN });
  } else void close();
});
process.on('disconnect', () => process.exit());
