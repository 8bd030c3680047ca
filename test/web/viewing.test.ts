/** A page's viewing before and after there is anything to see: whoever comes early is told so and shown the opening by itself. */
import { sha256 } from '../../server/hash.ts';
import { type LinkState, LONGEST_WAIT_MS, type SocketEvents } from '../../web/connection/connection.ts';
import { REPORT_PERIOD_MS } from '../../web/opening/head-reports.ts';
import { OUTSIDE_PERIOD_MS, type OutsideAnswer } from '../../web/opening/outside.ts';
import { SHOW_EVERY_MS, viewOpening } from '../../web/opening/viewing.ts';
import { pinBoard } from '../../web/replica/pin.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';
import { OPENING_ID } from '../support/opening-people.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';
import { makeLog } from './made-log.ts';
import { tell } from './story.ts';

const log = makeLog(tell('Archived'));
const NO_SUCH_ADDRESS = 1006;

/** Lets promises run dry: a signature is checked later. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
}

/** A viewing whose server refuses every socket until the opening is there. */
function come() {
  const world = steppedWorld();
  const server = {
    isThere: false as boolean | null,
    asked: 0,
    outside: null as OutsideAnswer | null,
    outsideAsked: 0,
    told: [] as string[],
  };
  const sockets: { readonly after: number; readonly events: SocketEvents; closed: boolean }[] = [];
  const viewing = viewOpening({
    openingId: OPENING_ID,
    world: { monotonicNow: world.now, after: world.after, random: () => 0.5 },
    sha256,
    verifyEd25519,
    pins: pinBoard(null, OPENING_ID),
    openSocket(after, events) {
      const socket = { after, events, closed: false };
      sockets.push(socket);
      return {
        send: () => undefined,
        close: () => {
          socket.closed = true;
        },
      };
    },
    isThere: async () => {
      server.asked++;
      return server.isThere;
    },
    readOutside: async () => {
      server.outsideAsked++;
      return server.outside;
    },
    reports: {
      readMonitors: async () => ['https://monitor.example'],
      async post(_address, note) {
        server.told.push(note);
        return { verdict: 'known' };
      },
    },
  });
  const last = () => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('no socket');
    return socket;
  };
  return {
    viewing,
    server,
    sockets,
    last,
    async refuse() {
      last().events.onClose(NO_SUCH_ADDRESS);
      await settle();
    },
    async pass(ms: number) {
      world.advance(ms);
      await settle();
    },
    async show(from: number, to: number) {
      last().events.onMessage(JSON.stringify(log.frame(from, to)));
      await settle();
    },
  };
}

const kind = (state: LinkState): string => state.kind;

t.test('who comes before the opening is there is told so, and shown it once it is', async (t) => {
  const { viewing, server, sockets, last, refuse, pass, show } = come();
  await settle();
  t.equal(viewing.isMissing.value, false, 'not said before it is known');
  await refuse();
  t.equal(viewing.isMissing.value, true);
  t.equal(kind(viewing.link.value), 'waiting', 'and still asking');
  for (let attempts = 0; attempts < 8; attempts++) {
    await pass(LONGEST_WAIT_MS);
    t.equal(viewing.isMissing.value, true, 'as long as it is so');
    await refuse();
  }
  t.equal(sockets.length, 9);
  await pass(LONGEST_WAIT_MS);
  server.isThere = true;
  last().events.onOpen();
  await show(0, 2);
  t.equal(viewing.isMissing.value, false);
  t.match(viewing.view.value.standing, { kind: 'verified', size: 2, root: log.root(2) });
  t.strictSame(
    sockets.map(({ after }) => after),
    Array.from({ length: 10 }, () => -1),
  );
  viewing.close();
});

t.test('a server that does not answer is not taken for an opening that is not there', async (t) => {
  const { viewing, server, refuse } = come();
  server.isThere = null;
  await settle();
  await refuse();
  t.equal(viewing.isMissing.value, false);
  t.equal(kind(viewing.link.value), 'waiting');
  viewing.close();
});

t.test('once entries are held nobody asks any more whether it is there', async (t) => {
  const { viewing, server, last, refuse, pass, show } = come();
  await settle();
  last().events.onOpen();
  await show(0, 3);
  await refuse();
  t.equal(server.asked, 0);
  t.equal(viewing.isMissing.value, false);
  await pass(LONGEST_WAIT_MS);
  t.equal(last().after, 2, 'it resumes where it was');
  last().events.onOpen();
  await show(3, log.size);
  t.match(viewing.view.value.standing, { kind: 'verified', size: log.size, root: log.root(log.size) });
  t.equal(viewing.visited.value.at(-1), 'Archived');
  viewing.close();
});

t.test('a closed viewing asks no more', async (t) => {
  const { viewing, sockets, refuse, pass } = come();
  await settle();
  await refuse();
  viewing.close();
  await pass(10 * LONGEST_WAIT_MS);
  t.equal(sockets.length, 1);
});

t.test(
  'time-stamps and cosignatures are asked for at once and then in their rhythm, until the viewing is closed',
  async (t) => {
    const { viewing, server, pass } = come();
    await pass(0);
    t.equal(server.outsideAsked, 1);
    t.equal(viewing.outside.value, null, 'nobody answered');
    server.outside = {
      stamp: { authorities: 1, stamped: { size: 3, stampedAt: 1, authority: 'https://tsa.example/' } },
      cosigning: { quorum: 2, cosigners: 2, claiming: 0, cosigned: { size: 3, by: 2 } },
    };
    await pass(OUTSIDE_PERIOD_MS - 1);
    t.equal(server.outsideAsked, 1);
    await pass(1);
    t.strictSame(viewing.outside.value, server.outside);
    server.outside = null;
    await pass(OUTSIDE_PERIOD_MS);
    t.match(viewing.outside.value, { stamp: { authorities: 1 } }, 'what was said stays when nobody answers');
    viewing.close();
    await pass(OUTSIDE_PERIOD_MS * 2);
    t.equal(server.outsideAsked, 3);
  },
);

t.test('monitors are told every signed head that was shown, also the one that the page refuses', async (t) => {
  const { viewing, server, last, pass, show } = come();
  await settle();
  last().events.onOpen();
  await show(0, 2);
  await pass(REPORT_PERIOD_MS);
  t.strictSame(server.told, [log.frame(0, 2).checkpoint]);
  t.strictSame(viewing.monitors.value, [{ address: 'https://monitor.example', said: 'known' }]);
  // the second history of one who holds the log's key
  const forked = makeLog(tell('Archived'), {
    rewrite: (entry) => (entry.seq === 1 ? { ...entry, command: 'told-otherwise' } : entry),
  });
  last().events.onMessage(JSON.stringify({ ...log.frame(2, 3), entries: [], checkpoint: forked.note(2) }));
  await settle();
  t.match(viewing.view.value.standing, { kind: 'refused' });
  await pass(REPORT_PERIOD_MS);
  t.strictSame(server.told, [log.note(2), forked.note(2)], 'both were signed');
  viewing.close();
});

t.test(
  'of a log that comes in stretches the first is shown at once, then now and then, and the last at once',
  async (t) => {
    const { viewing, last, pass, show } = come();
    await settle();
    const shown = () => viewing.view.value.entries.length;
    last().events.onOpen();
    last().events.onMessage(JSON.stringify({ v: 1, kind: 'pulse', now: 1, viewers: 1, size: 9 }));
    await show(0, 2);
    t.equal(shown(), 2);
    await show(2, 4);
    await show(4, 5);
    t.equal(shown(), 2, 'verified, and not drawn yet');
    await pass(SHOW_EVERY_MS - 1);
    t.equal(shown(), 2);
    await pass(1);
    t.equal(shown(), 5, 'whether or not more comes');
    await show(5, 7);
    t.equal(shown(), 5);
    await show(7, 9);
    t.equal(shown(), 9, 'all there is');
    await show(9, 10);
    t.equal(shown(), 10, 'live, nothing waits');
  },
);

t.test('a refusal is shown at once, however much is still to come', async (t) => {
  const { viewing, last, show } = come();
  await settle();
  last().events.onOpen();
  last().events.onMessage(JSON.stringify({ v: 1, kind: 'pulse', now: 1, viewers: 1, size: 9 }));
  await show(0, 2);
  await show(3, 4);
  t.equal(viewing.view.value.standing.kind, 'refused');
});
