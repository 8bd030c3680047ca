/** Two real servers on one database and one folder behind a real front: the leader is killed, stopped in order and made to hang, the database is restarted, and nothing acknowledged is lost, nothing sounds twice, no viewer misses an entry. */
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { act, createOpening, headSeen } from '../../server/cli/person/act.ts';
import { decrypt, outcomeOf } from '../../server/cli/person/decrypt.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { waitFor } from '../../server/cli/person/wait-for.ts';
import { ApiError } from '../../server/client/transport.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { PROFILES } from '../../server/core/opening/policy.ts';
import type { Down } from '../../server/core/wire/down.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { systemWorld } from '../../server/world.ts';
import { newFolder } from '../support/folder.ts';
import { startFront } from '../support/nginx.ts';
import { ownPostgres } from '../support/own-postgres.ts';
import { roadworks } from '../support/roadworks.ts';
import { checkTree, entriesOf, exportAndVerify } from '../support/server-log.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { freePort, type ServerProcess, startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const PLATFORM = 'kaibiao.test';
/** One opening goes through its window; another, a draft, takes a stream of acts all the while. */
const OPENING = 'several-1';
const STREAM = 'stream-1';
const ORIGIN = openingOrigin(PLATFORM, OPENING);
const STREAM_ORIGIN = openingOrigin(PLATFORM, STREAM);
const WINDOW_MS = 20_000;
const LEASE_MS = 1_000;
const HOUR_MS = 3_600_000;
/** What has not come by then never will: less than the file is given, so that it can say why. */
const WAIT_LIMIT_MS = 60_000;
/** So much of what each process wrote last is shown then. */
const TAIL_CHARACTERS = 4_000;
const VIEWERS = 6;
/** Acts under way at once. */
const LINES = 4;

t.setTimeout(150_000);
const folder = await newFolder(t, 'several');
const postgres = await ownPostgres(t, folder);
const town = await makeTown(join(folder, 'town'));
const ports = [await freePort(), await freePort()] as const;
const ALL = [0, 1] as const;
type Which = (typeof ALL)[number];
const frontPort = await freePort();
const front = `http://127.0.0.1:${frontPort}`;
const urls = ports.map((port) => `http://127.0.0.1:${port}`);
const settings = {
  ...town.settings,
  DATABASE_URL: postgres.url,
  KAIBIAO_DATA: join(folder, 'data'),
  KAIBIAO_PLATFORM: PLATFORM,
  KAIBIAO_PUBLIC_ORIGIN: front,
  KAIBIAO_TRUST_PROXY: '127.0.0.1',
  KAIBIAO_LOG_LEVEL: 'warn',
  KAIBIAO_VAULT_WORKERS: '1',
  KAIBIAO_SHUTDOWN_GRACE_MS: '3000',
  KAIBIAO_DATABASE_POOL: '6',
  KAIBIAO_LEADER_LEASE_MS: String(LEASE_MS),
  // However long a loaded machine takes, that is no outage here.
  KAIBIAO_OUTAGE_TOLERANCE_MS: '60000',
  KAIBIAO_REGISTER_BATCH_PERIOD_MS: '1000',
  KAIBIAO_REQUESTS_PER_MINUTE: '100000',
};

/** All that ever ran, to be asked for what it wrote. */
const ran: ServerProcess[] = [];
async function begin(n: Which): Promise<ServerProcess> {
  const server = await startServer(t, { ...settings, KAIBIAO_PORT: String(ports[n]) });
  ran.push(server);
  return server;
}
const servers: ServerProcess[] = await Promise.all(ALL.map(begin));
const { by } = await startFront(t, frontPort, ports);

type Ready = { readonly status: string; readonly part: 'leader' | 'follower' };
/** What a process says of itself; null when it does not answer. */
async function readyOf(n: Which): Promise<Ready | null> {
  try {
    return (await (await fetch(`${urls[n]}/readyz`, { signal: AbortSignal.timeout(1_000) })).json()) as Ready;
  } catch {
    return null;
  }
}

/** Waits until something is so. Throws: once that would take too long, with what each process says of itself and wrote last. */
async function becomes<Found>(what: string, found: () => Promise<Found | null> | Found | null): Promise<Found> {
  const limit = AbortSignal.timeout(WAIT_LIMIT_MS);
  for (;;) {
    const now = await found();
    if (now !== null) return now;
    if (limit.aborted) {
      const said = await Promise.all(ALL.map(readyOf));
      const wrote = ran.map(({ output }) => output().slice(-TAIL_CHARACTERS));
      throw new Error([`never: ${what}`, ...said.map((one) => JSON.stringify(one)), ...wrote].join('\n'));
    }
    await pause(20);
  }
}

/** Waits until exactly one of the processes that answer leads. Returns: which. */
function leader(): Promise<Which> {
  return becomes('one process leads', async () => {
    const parts = await Promise.all(ALL.map(readyOf));
    const [one, another] = ALL.filter((n) => parts[n]?.part === 'leader');
    return one !== undefined && another === undefined ? one : null;
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => {
    systemWorld.after(ms, resume);
  });
}

await leader();
/** The program of somebody who reaches one process past the front, under the front's name. */
const past =
  (n: Which): typeof fetch =>
  (asked, init) =>
    fetch(String(asked).replace(front, urls[n] ?? ''), init);
/** The process that the officials' programs reach at the moment; null: whichever the front chooses. */
let way: Which | null = null;
const officials = await town.enterOfficials(front, (asked, init) => (way === null ? fetch : past(way))(asked, init));
const { host } = officials;
// One who comes to each process past the front, and one through it.
const FRONT = 2;
const bidders = await Promise.all(
  [past(0), past(1), fetch].map((by, index) => town.enterBidder(front, index, undefined, by)),
);
// He whose process leads does not bid: it is killed, and he could not decrypt.
const lodgers = [1 - (await leader()), FRONT];
const people = bidders.map(({ person }) => person);
const sealed = await Promise.all(bidders.map((bidder, index) => town.seal(bidder, `${index + 1}000000.00`)));
const draft = roadworks(systemWorld.now() + HOUR_MS);
const policy = PROFILES.rehearsal.defaults;
await createOpening(host, {
  openingId: STREAM,
  profile: 'rehearsal',
  details: draft,
  policy,
  assignments: Object.entries(officials).map(([role, { account }]) => ({ role, account })),
});
await publishOpening(officials, OPENING, {
  deadlineAt: systemWorld.now() + 7_000,
  checkInLeadMs: 1_000,
  decryptionWindowMs: WINDOW_MS,
  confirmationMs: 60_000,
});

/** Somebody who looks on through the front, and comes back to where he was whenever his socket ends. */
type Viewer = { readonly seqs: number[]; sockets: number; leave(): void };

function lookOn(openingId: string): Viewer {
  let socket: WebSocket | null = null;
  let isOver = false;
  const viewer: Viewer = {
    seqs: [],
    sockets: 0,
    leave() {
      isOver = true;
      socket?.terminate();
    },
  };
  const come = (): void => {
    if (isOver) return;
    const after = viewer.seqs.at(-1) ?? -1;
    const address = `${front.replace('http', 'ws')}/openings/${openingId}/live?after=${after}`;
    socket = new WebSocket(address, [SUBPROTOCOL], { origin: front });
    socket.on('open', () => {
      viewer.sockets += 1;
    });
    socket.on('message', (data) => {
      const down = JSON.parse(data.toString()) as Down;
      if (down.kind === 'resync') throw new Error('a viewer was told to begin anew');
      if (down.kind === 'entries') for (const text of down.entries) viewer.seqs.push(parseEntry(utf8(text)).seq);
    });
    // A front that finds nobody refuses the upgrade; the close follows.
    socket.on('error', () => undefined);
    socket.on('close', () => void pause(100).then(come));
  };
  come();
  return viewer;
}
const viewers = Array.from({ length: VIEWERS }, () => lookOn(STREAM));
const windowViewers = Array.from({ length: 2 }, () => lookOn(OPENING));
t.teardown(async () => {
  for (const viewer of [...viewers, ...windowViewers]) viewer.leave();
});

/** The titles whose amendment was acknowledged. */
const acknowledged: string[] = [];
let sent = 0;

const mayPass = ({ status }: ApiError): boolean => status === 0 || status >= 502;

/** Sends an amendment as often as it takes. */
async function amend(): Promise<void> {
  const title = `第 ${sent++} 稿`;
  const id = host.session.newId();
  const data = { details: { ...draft, title }, policy };
  const seen = await headSeen(host, STREAM);
  const signed = await host.session.sign({ openingId: STREAM, id, type: 'AmendDraft', data, headSeen: seen });
  for (;;) {
    try {
      await host.api.sendCommand(STREAM, { id, type: 'AmendDraft', data, role: 'host', act: signed });
      acknowledged.push(title);
      return;
    } catch (error) {
      // A program's patience ends after some tries, on a busy machine before everyone is back; its person tries again.
      if (!(error instanceof ApiError && mayPass(error))) throw error;
    }
  }
}

/** Sends one amendment after the other on several lines until it is told to stop. Returns: what stops it. */
function stream(): () => Promise<void> {
  let isOver = false;
  const lines = Array.from({ length: LINES }, async () => {
    while (!isOver) await amend();
  });
  return async () => {
    isOver = true;
    await Promise.all(lines);
  };
}

function at<T>(list: readonly T[], n: number): T {
  const found = list[n];
  if (found === undefined) throw new Error(`there is no ${n}`);
  return found;
}

type Test = typeof t;

/** Waits until so many more acts are acknowledged. */
async function moreAcknowledged(count: number): Promise<void> {
  const until = acknowledged.length + count;
  await becomes(`${count} more acts acknowledged`, () => (acknowledged.length < until ? null : true));
}

/** Asserts: each acknowledged act is on the log once, nothing else is, and every viewer has every entry once and in order. */
async function checkStream(t: Pick<Test, 'strictSame' | 'equal' | 'ok'>): Promise<void> {
  const entries = await postgres.asSuperuser((sql) => entriesOf(sql, STREAM_ORIGIN));
  const titles = entries.flatMap(({ type, body }) =>
    type === 'DraftAmended' ? [String((body['details'] as { title?: unknown }).title)] : [],
  );
  t.strictSame([...titles].sort(), [...acknowledged].sort(), 'acknowledged acts = entries');
  const whole = entries.map(({ seq }) => seq);
  await becomes('every viewer has seen all', () =>
    viewers.some(({ seqs }) => seqs.length < whole.length) ? null : true,
  );
  for (const { seqs } of viewers) t.strictSame(seqs, whole, 'every entry once and in order');
}

t.test(`behind ${by} any process takes any act, and one leads`, async (t) => {
  const parts = await Promise.all(ALL.map(readyOf));
  t.strictSame(parts.map((ready) => ready?.part).sort(), ['follower', 'leader']);
  await Promise.all(lodgers.map((n) => lodge(at(people, n), OPENING, { envelope: at(sealed, n).envelope })));
  const stop = stream();
  await moreAcknowledged(8);
  await stop();
  await checkStream(t);
});

let closesAt = 0;

t.test('the leader is killed in the window: another leads at once, and decides what was received', async (t) => {
  await waitFor(host, OPENING, 'host', (state) => state.phase === 'Sealed');
  await act(host, OPENING, { type: 'PublishRoster', role: 'host', data: {} });
  await act(host, OPENING, { type: 'OpenWindow', role: 'host', data: {} });
  closesAt = (await catchUp(host, OPENING)).window?.closesAt ?? 0;
  await decrypt(at(people, FRONT), OPENING);
  t.match(await outcomeOf(at(people, FRONT), OPENING), { outcome: 'decrypted' });
  const stop = stream();
  await moreAcknowledged(4);
  const killed = await leader();
  await servers[killed]?.kill();
  await moreAcknowledged(8);
  const next = await leader();
  t.not(next, killed);
  await decrypt(at(people, next), OPENING);
  t.match(await outcomeOf(at(people, next), OPENING), { outcome: 'decrypted' });
  servers[killed] = await begin(killed);
  t.match(await readyOf(killed), { status: 'ready', part: 'follower' });
  await stop();
  await checkStream(t);
});

t.test('a rolling restart: one after the other is stopped and started again, under a stream of acts', async (t) => {
  const stop = stream();
  const codes: (number | null | undefined)[] = [];
  for (const n of ALL) {
    await moreAcknowledged(3);
    codes.push(await servers[n]?.stop());
    await moreAcknowledged(3);
    servers[n] = await begin(n);
  }
  await moreAcknowledged(3);
  await stop();
  t.strictSame(codes, [0, 0]);
  await leader();
  await checkStream(t);
  t.ok(
    viewers.every(({ sockets }) => sockets >= 2),
    'every viewer was sent to another process meanwhile',
  );
});

t.test('PostgreSQL is killed and started again under load, and everyone recovers', async (t) => {
  const stop = stream();
  await moreAcknowledged(3);
  await postgres.killAndStart();
  await moreAcknowledged(8);
  await stop();
  await leader();
  await checkStream(t);
});

t.test('every session that listens, and the leader’s own, is ended', async (t) => {
  const stop = stream();
  await moreAcknowledged(3);
  const ended = await postgres.asSuperuser(
    (sql) => sql`
      SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
      WHERE a.datname = current_database() AND (a.query ILIKE 'listen%'
        OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.objid = 7301002))`,
  );
  t.ok(ended.length >= 5, `${ended.length} sessions`);
  await moreAcknowledged(8);
  await stop();
  await leader();
  await checkStream(t);
});

t.test('a leader that hangs loses its lease; when it comes to itself it can write nothing more', async (t) => {
  const hung = await leader();
  const termOf = () => postgres.asSuperuser((sql) => sql<{ term: number }[]>`SELECT term FROM leadership`);
  const [before] = await termOf();
  const pid = servers[hung]?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  const next = await leader();
  t.not(next, hung);
  const [after] = await termOf();
  t.equal(after?.term, (before?.term ?? 0) + 1, 'one term later');
  // What it is asked while it hangs it hears when it goes on, as the leader it takes itself for.
  way = hung;
  const late = Array.from({ length: LINES }, amend);
  await pause(LEASE_MS / 2);
  process.kill(pid, 'SIGCONT');
  way = null;
  await Promise.all(late);
  const stop = stream();
  await moreAcknowledged(8);
  await stop();
  t.equal(await leader(), next, 'the other still leads');
  t.match(await readyOf(hung), { status: 'ready', part: 'follower' });
  await checkStream(t);
});

t.test(
  'the window ended once, at the instant it was opened for, prices are announced, and both logs verify',
  async (t) => {
    const state = await waitFor(host, OPENING, 'host', ({ phase }) => phase === 'Attribution');
    t.equal(state.bids.filter(({ attempts }) => attempts.some(({ outcome }) => outcome === 'decrypted')).length, 2);
    await act(host, OPENING, { type: 'AnnouncePrices', role: 'host', data: {} });
    await postgres.asSuperuser(async (sql) => {
      const entries = await entriesOf(sql, ORIGIN);
      t.equal(entries.filter(({ type }) => type === 'PricesAnnounced').length, 1);
      const closed = entries.filter(({ type }) => type === 'WindowClosed');
      t.match(closed, [{ body: { effectiveAt: formatInstant(closesAt), why: 'time' } }]);
      t.equal(closed.length, 1);
      while (windowViewers.some(({ seqs }) => seqs.length < entries.length)) await pause(20);
      for (const { seqs } of windowViewers)
        t.strictSame(
          seqs,
          entries.map(({ seq }) => seq),
        );
      await checkTree(t, sql, STREAM_ORIGIN, []);
      const standing = await exportAndVerify(t, sql, {
        url: front,
        openingId: OPENING,
        folder: join(folder, 'export'),
      });
      t.equal(standing, 'valid, still open');
    });
    for (const server of servers) t.equal(await server.stop(), 0);
    for (const server of ran) t.notMatch(server.output(), /uncaught|unhandled|TypeError|contradict/i);
  },
);
