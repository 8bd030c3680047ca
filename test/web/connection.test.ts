/** The live connection against a socket that is only a list of what was said, on a clock that only moves when told. */
import { CLOSE_REASONS, type Down } from '../../server/core/wire/down.ts';
import {
  ANSWER_MS,
  type Connection,
  connect,
  FIRST_WAIT_MS,
  type LinkState,
  LONGEST_WAIT_MS,
  PING_GAP_MS,
  SILENCE_MS,
  type SocketEvents,
  STEADY_MS,
  waitBefore,
} from '../../web/connection/connection.ts';
import { PINGS_PER_OPENING, serverClock } from '../../web/connection/server-clock.ts';
import t from '../support/tap.ts';
import { type SteppedWorld, steppedWorld } from '../support/world.ts';

type FakeSocket = { readonly after: number; readonly events: SocketEvents; readonly sent: string[]; closed: boolean };

const SERVER_AHEAD_MS = 3_600_000;
const pulse = (now: number, size = 5): string => JSON.stringify({ v: 1, kind: 'pulse', now, viewers: 2, size });

/** Lets promises run dry: `resumeAfter` answers later. */
const settle = (): Promise<void> => new Promise((done) => setImmediate(done));

type Stage = {
  readonly world: SteppedWorld;
  readonly sockets: FakeSocket[];
  readonly states: LinkState[];
  readonly heard: Down[];
  readonly connection: Connection;
  readonly clock: ReturnType<typeof serverClock>;
  /** The socket that stands now. */
  last(): FakeSocket;
  pass(ms: number): Promise<void>;
  held: number;
};

async function stage(): Promise<Stage> {
  const world = steppedWorld();
  const sockets: FakeSocket[] = [];
  const states: LinkState[] = [];
  const heard: Down[] = [];
  const clock = serverClock(world.now);
  const made = { held: -1 } as Stage;
  const connection = connect({
    world: { monotonicNow: world.now, after: world.after, random: () => 0.5 },
    clock,
    openSocket(after, events) {
      const socket: FakeSocket = { after, events, sent: [], closed: false };
      sockets.push(socket);
      return {
        send: (text) => void socket.sent.push(text),
        close: () => {
          socket.closed = true;
        },
      };
    },
    resumeAfter: () => Promise.resolve(made.held),
    onDown: (message) => heard.push(message),
    onState: (state) => states.push(state),
  });
  await settle();
  return Object.assign(made, {
    world,
    sockets,
    states,
    heard,
    connection,
    clock,
    last: () => sockets[sockets.length - 1] as FakeSocket,
    async pass(ms: number) {
      world.advance(ms);
      await settle();
    },
  });
}

const kinds = (states: readonly LinkState[]): string[] => states.map(({ kind }) => kind);

t.test('opens from the start, and hands on what it hears', async (t) => {
  const s = await stage();
  t.equal(s.last().after, -1);
  s.last().events.onOpen();
  s.last().events.onMessage(pulse(s.world.now()));
  t.strictSame(kinds(s.states), ['connecting', 'open']);
  t.strictSame(
    s.heard.map(({ kind }) => kind),
    ['pulse'],
  );
});

t.test('comes back after the last entry held, having waited', async (t) => {
  const s = await stage();
  s.last().events.onOpen();
  s.held = 41;
  s.last().events.onClose(1006);
  t.match(s.states[s.states.length - 1], { kind: 'waiting', retryAt: s.world.now() + waitBefore(1, 0.5), why: null });
  await s.pass(waitBefore(1, 0.5) - 1);
  t.equal(s.sockets.length, 1);
  await s.pass(1);
  t.equal(s.sockets.length, 2);
  t.equal(s.last().after, 41);
});

t.test('waits longer each time, and short again after a connection that stood', async (t) => {
  const s = await stage();
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    s.last().events.onClose(1006);
    const state = s.states[s.states.length - 1];
    if (state?.kind !== 'waiting') throw new Error('not waiting');
    waits.push(state.retryAt - s.world.now());
    await s.pass(state.retryAt - s.world.now());
  }
  t.strictSame(
    waits,
    [375, 750, 1500, 3000, 6000, 11250, 11250, 11250],
    'doubling from the first wait to the longest, half of it by chance',
  );
  s.last().events.onOpen();
  s.last().events.onMessage(pulse(s.world.now()));
  s.world.advance(STEADY_MS);
  s.last().events.onClose(CLOSE_REASONS.server_stopping);
  t.match(s.states[s.states.length - 1], { why: 'server_stopping', retryAt: s.world.now() + 375 });
});

t.test('the wait is spread by chance and bounded', async (t) => {
  for (const attempt of [1, 2, 5, 40, 4000]) {
    t.ok(waitBefore(attempt, 0) >= FIRST_WAIT_MS / 2);
    t.ok(waitBefore(attempt, 0.999_999) <= LONGEST_WAIT_MS);
  }
  t.not(waitBefore(3, 0.1), waitBefore(3, 0.9));
});

t.test('an old socket is not listened to any more', async (t) => {
  const s = await stage();
  const old = s.last();
  old.events.onOpen();
  old.events.onClose(1006);
  await s.pass(LONGEST_WAIT_MS);
  const count = s.heard.length;
  old.events.onMessage(pulse(s.world.now()));
  old.events.onClose(1006);
  t.equal(s.heard.length, count);
  t.equal(s.sockets.length, 2);
});

t.test('what is no message of the wire ends the socket', async (t) => {
  for (const data of ['{"v":1', '{"v":2,"kind":"pulse"}', '[]', new ArrayBuffer(2), pulse(1.5)]) {
    const s = await stage();
    s.last().events.onOpen();
    s.last().events.onMessage(data);
    t.match(s.states[s.states.length - 1], { kind: 'waiting', why: 'bad_frame' });
    t.ok(s.last().closed);
    t.equal(s.heard.length, 0);
  }
});

t.test('resync from the start goes on; from anywhere else it asks again', async (t) => {
  const s = await stage();
  s.last().events.onOpen();
  s.last().events.onMessage(JSON.stringify({ v: 1, kind: 'resync', after: -1 }));
  t.equal(s.states[s.states.length - 1]?.kind, 'open');
  t.equal(s.heard[0]?.kind, 'resync');
  s.last().events.onMessage(JSON.stringify({ v: 1, kind: 'resync', after: 7 }));
  t.equal(s.states[s.states.length - 1]?.kind, 'waiting');
});

t.test('reasons that would only repeat stop it; the others bring it back', async (t) => {
  for (const [reason, code] of Object.entries(CLOSE_REASONS)) {
    const s = await stage();
    s.last().events.onOpen();
    s.last().events.onClose(code);
    const stops = ['bad_message', 'ticket_expired', 'seat_taken'].includes(reason);
    t.match(s.states[s.states.length - 1], { kind: stops ? 'stopped' : 'waiting', why: reason });
    await s.pass(LONGEST_WAIT_MS);
    t.equal(s.sockets.length, stops ? 1 : 2, reason);
    s.connection.hurry();
    await settle();
    t.equal(s.sockets.length, stops ? 1 : 2, 'nor does hurry wake what has stopped');
  }
});

t.test('a socket that never opens is given up', async (t) => {
  const s = await stage();
  await s.pass(ANSWER_MS);
  t.equal(s.states[s.states.length - 1]?.kind, 'waiting');
  t.ok(s.last().closed);
});

t.test('silence is asked about, and given up when nobody answers', async (t) => {
  const s = await stage();
  s.last().events.onOpen();
  s.last().events.onMessage(pulse(s.world.now()));
  const pings = s.last().sent.length;
  await s.pass(SILENCE_MS);
  t.equal(s.last().sent.length, pings + 1);
  s.last().events.onMessage(pulse(s.world.now()));
  await s.pass(SILENCE_MS);
  await s.pass(ANSWER_MS - 1);
  t.equal(s.states[s.states.length - 1]?.kind, 'open', 'an answer had bought another round');
  await s.pass(1);
  t.equal(s.states[s.states.length - 1]?.kind, 'waiting');
});

t.test('hurry does not wait, and closing is final', async (t) => {
  const s = await stage();
  s.connection.hurry();
  await settle();
  t.equal(s.sockets.length, 1, 'while connecting there is nothing to hurry');
  s.last().events.onClose(1006);
  s.connection.hurry();
  await settle();
  t.equal(s.sockets.length, 2);
  s.connection.close();
  t.ok(s.last().closed);
  await s.pass(LONGEST_WAIT_MS * 2);
  t.equal(s.sockets.length, 2);
  t.equal(s.world.alarms(), 0, 'no alarm is left behind');
});

t.test('eight pings on opening, each after the answer to the one before', async (t) => {
  const s = await stage();
  s.last().events.onOpen();
  const socket = s.last();
  for (let i = 1; i <= PINGS_PER_OPENING + 3 && i <= socket.sent.length; i++) {
    const { ping } = JSON.parse(socket.sent[i - 1] ?? '') as { ping: number };
    const sentAt = s.world.now();
    // the fourth is the fastest: 4 ms there and back; the others take longer on the way back
    s.world.advance(i === 4 ? 2 : 5);
    const now = s.world.now() + SERVER_AHEAD_MS;
    s.world.advance(i === 4 ? 2 : 95);
    socket.events.onMessage(JSON.stringify({ v: 1, kind: 'pong', ping, now }));
    t.ok(s.world.now() > sentAt);
    s.world.advance(PING_GAP_MS);
  }
  t.equal(socket.sent.length, PINGS_PER_OPENING);
  t.equal(s.clock.errorMs(), 2);
  t.equal(s.clock.now(), s.world.now() + SERVER_AHEAD_MS);
});
