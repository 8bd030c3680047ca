/** Two servers on one database: whatever is done at the one that follows is as if it had been done at the one that leads, and holds in both. */
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { act, createOpening, headSeen } from '../server/cli/person/act.ts';
import { lodge } from '../server/cli/person/lodge.ts';
import { changeAccount } from '../server/cli/person/operator.ts';
import type { Person } from '../server/cli/person/person.ts';
import { catchUp } from '../server/cli/person/read-opening.ts';
import { readConfig } from '../server/config.ts';
import { parseEntry } from '../server/core/log/entry.ts';
import { accessOrigin, ledgerOrigin, openingOrigin } from '../server/core/log/origin.ts';
import { SUBPROTOCOL } from '../server/core/wire/version.ts';
import { createLogger } from '../server/http/diagnostics.ts';
import { type Server, start } from '../server/main.ts';
import { SWEEP_PERIOD_MS } from '../server/recorder/intake-sweep.ts';
import { createAsker, ERRAND_LIMIT_MS, runErrands } from '../server/store/errands.ts';
import { readEntries } from '../server/store/read-log.ts';
import { systemWorld } from '../server/world.ts';
import { testDb } from './support/database.ts';
import { newFolder } from './support/folder.ts';
import { until } from './support/recorder.ts';
import { makeTown, publishOpening } from './support/server-people.ts';
import { freePort } from './support/server-process.ts';
import t from './support/tap.ts';
import { steppedWorld } from './support/world.ts';

t.setTimeout(100_000);
const PLATFORM = 'kaibiao.test';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const OPENING = 'both-1';
const ports = [await freePort(), await freePort()] as const;
/** Both go by the address of the first. */
const ORIGIN = `http://127.0.0.1:${ports[0]}`;
const db = await testDb(t);
const folder = await newFolder(t, 'both');
const town = await makeTown(join(folder, 'town'));
const lines: string[] = [];

async function serve(port: number, changes: Record<string, string> = {}): Promise<Server> {
  const config = readConfig({
    ...town.settings,
    DATABASE_URL: db.appUrl,
    KAIBIAO_DATA: join(folder, 'data'),
    KAIBIAO_PLATFORM: PLATFORM,
    KAIBIAO_PUBLIC_ORIGIN: ORIGIN,
    KAIBIAO_PORT: String(port),
    KAIBIAO_VAULT_WORKERS: '1',
    KAIBIAO_DATABASE_POOL: '5',
    // Keys are made in this process as well, which may keep it from giving a sign of life for a while.
    KAIBIAO_LEADER_LEASE_MS: '30000',
    KAIBIAO_REGISTER_BATCH_PERIOD_MS: '1000',
    KAIBIAO_REQUESTS_PER_MINUTE: '100000',
    ...changes,
  });
  return start(config, systemWorld, createLogger('info', { write: (line: string) => void lines.push(line) }));
}
const [leading, following] = [await serve(ports[0]), await serve(ports[1])];
let running: Server[] = [leading, following];
t.teardown(async () => {
  for (const server of running) await server.close();
});
const addressOf = (n: 0 | 1): string => `http://127.0.0.1:${ports[n]}`;
/** A program that reaches one of the two under the name of both. */
const at =
  (n: 0 | 1): typeof fetch =>
  (asked, init) =>
    fetch(String(asked).replace(ORIGIN, addressOf(n)), init);
const partOf = async (n: 0 | 1): Promise<{ status: string; part: string }> =>
  (await (await fetch(`${addressOf(n)}/readyz`)).json()) as { status: string; part: string };

const entriesOf = async (origin: string) => {
  const [log] = await db.sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
  return (await readEntries(db.sql, origin, 0, log?.size ?? 0)).map(({ bytes }) => parseEntry(bytes));
};
const actedOnLedger = async () =>
  (await entriesOf(ledgerOrigin(PLATFORM))).filter(({ type }) => type === 'OperatorActed').length;

/** Which of the two the officials' programs reach at the moment. */
let way: 0 | 1 = 1;
const officials = await town.enterOfficials(ORIGIN, (asked, init) => at(way)(asked, init));
const operator = await town.enterOperator(ORIGIN, at(0));
const { host, witness, supervisor } = officials;
const bidder = await town.enterBidder(ORIGIN, 0, undefined, at(1));
const rival = await town.enterBidder(ORIGIN, 1, undefined, at(0));
const sealed = await Promise.all([bidder, rival].map((who, n) => town.seal(who, `${n + 1}000000.00`)));

type Test = typeof t;
async function refused(t: Pick<Test, 'rejects'>, asked: Promise<unknown>, code: string): Promise<void> {
  await t.rejects(asked, { code });
}

t.test('officials are let in and an opening begun at the one that follows', async (t) => {
  t.match(await partOf(0), { status: 'ready', part: 'leader' });
  t.match(await partOf(1), { status: 'ready', part: 'follower' });
  t.equal(await actedOnLedger(), 5, 'the first operator, and four officials: each once');
  await publishOpening(officials, OPENING, {
    deadlineAt: systemWorld.now() + HOUR_MS,
    checkInLeadMs: MINUTE_MS,
    decryptionWindowMs: MINUTE_MS,
    confirmationMs: MINUTE_MS,
  });
  t.strictSame(
    (await entriesOf(openingOrigin(PLATFORM, OPENING))).map(({ type }) => type),
    ['OpeningCreated', 'OpeningPublished'],
  );
  const state = await catchUp(host, OPENING);
  await refused(
    t,
    createOpening(host, {
      openingId: OPENING,
      profile: 'rehearsal',
      details: state.details,
      policy: state.policy,
      assignments: [{ account: host.account, role: 'host' }],
    }),
    'opening_exists',
  );
  // The second waits for the leader's vault before it is received.
  for (const type of ['PublishRoster', 'AnnouncePrices'])
    await refused(t, act(host, OPENING, { type, role: 'host', data: {} }), 'too_early');
});

t.test('bids are lodged at either, and every errand is fetched', async (t) => {
  const receipts = await Promise.all(
    [bidder, rival].map(({ person }, n) => lodge(person, OPENING, { envelope: sealed[n]?.envelope ?? '' })),
  );
  t.equal(receipts.length, 2);
  const state = await catchUp(host, OPENING);
  t.equal(state.roster.known, false);
  const [left] = await db.sql<{ count: number }[]>`SELECT count(*)::int AS count FROM errands`;
  t.equal(left?.count, 0, 'every errand was fetched');
});

t.test(
  'the same command sent again to the other gets the first answer, and another under its id a refusal',
  async (t) => {
    const id = host.session.newId();
    const signed = async (text: string) => {
      const data = { text };
      const seen = await headSeen(host, OPENING);
      const terms = { openingId: OPENING, id, type: 'GiveNotice', data, headSeen: seen };
      return { id, type: 'GiveNotice', data, role: 'host', act: await host.session.sign(terms) } as const;
    };
    const [command, other] = [await signed('开标地点变更'), await signed('别的通知')];
    const first = await host.api.sendCommand(OPENING, command);
    way = 0;
    t.strictSame(await host.api.sendCommand(OPENING, command), first);
    await refused(t, host.api.sendCommand(OPENING, other), 'command_id_reused');
    way = 1;
    t.strictSame(await host.api.sendCommand(OPENING, command), first);
    await refused(t, host.api.sendCommand(OPENING, other), 'command_id_reused');
    const given = (await entriesOf(openingOrigin(PLATFORM, OPENING))).filter(({ type }) => type === 'NoticeGiven');
    t.equal(given.length, 1);
  },
);

/** A socket at one of the two, in a role. */
async function watch(n: 0 | 1, person: Person, role: 'host' | 'witness' | 'supervisor'): Promise<WebSocket> {
  const { ticket } = await person.api.askTicket(OPENING, role);
  const socket = new WebSocket(
    `${addressOf(n).replace('http', 'ws')}/openings/${OPENING}/live?after=-1`,
    [SUBPROTOCOL, `ticket.${ticket}`],
    { origin: ORIGIN },
  );
  await new Promise((open, fail) => socket.once('message', open).once('error', fail));
  return socket;
}
const isOpen = (socket: WebSocket): boolean => socket.readyState === WebSocket.OPEN;

t.test('an official’s look at the one that follows is on the access log before the first frame', async (t) => {
  const before = (await entriesOf(accessOrigin(PLATFORM))).length;
  const socket = await watch(1, supervisor, 'supervisor');
  t.equal((await entriesOf(accessOrigin(PLATFORM))).length, before + 1);
  socket.close();
});

t.test('an account that is shut at one loses its sockets at both, and comes again when it is opened', async (t) => {
  const sockets = [await watch(0, supervisor, 'supervisor'), await watch(1, supervisor, 'supervisor')];
  const other = await watch(1, witness, 'witness');
  await changeAccount(operator, 'disable', { account: supervisor.account, reason: '调离' });
  await until(() => !sockets.some(isOpen));
  t.ok(isOpen(other), 'nobody else');
  await changeAccount(operator, 'enable', { account: supervisor.account, reason: '回任' });
  other.close();
});

t.test('what the other said is made good when the connection that listens was lost', async (t) => {
  const socket = await watch(1, host, 'host');
  const listeners = () => db.superuser<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'`;
  const all = (await listeners()).length;
  await db.superuser`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'`;
  // Not by way of the server: nobody is told of it.
  await db.superuser`UPDATE sessions SET ended_at = ${systemWorld.now()} WHERE account = ${host.account}`;
  await until(() => !isOpen(socket));
  await until(async () => (await listeners()).length === all);
  await db.superuser`UPDATE sessions SET ended_at = NULL WHERE account = ${host.account}`;
  t.pass('the seat of a session that has ended is taken away as soon as it listens again');
});

t.test(
  'an act that the leader is not told of is found, and one received while nobody leads is decided by the next',
  async (t) => {
    const said = (text: string) => act(host, OPENING, { type: 'GiveNotice', role: 'host', data: { text } });
    await db.superuser`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'`;
    const begunAt = systemWorld.now();
    await said('一');
    t.ok(systemWorld.now() - begunAt < 3 * SWEEP_PERIOD_MS);
    const leaving = leading.close();
    await said('二');
    await leaving;
    running = [following];
    t.match(await partOf(1), { part: 'leader' });
    const given = (await entriesOf(openingOrigin(PLATFORM, OPENING))).filter(({ type }) => type === 'NoticeGiven');
    t.equal(given.length, 3, 'each once');
  },
);

t.test('when the leader takes no commands, the others take none either', async (t) => {
  const empty = await testDb(t);
  await following.close();
  running = [];
  // Another database under the same guard: what was let out is not in it.
  for (const port of ports) running.push(await serve(port, { DATABASE_URL: empty.appUrl }));
  t.match(running[0]?.readOnly, /database_is_behind/);
  t.match(running[1]?.readOnly, /database_is_behind/);
  for (const n of [0, 1] as const) t.match(await partOf(n), { status: 'read_only' });
  t.match(await partOf(1), { part: 'follower' });
});

t.test('an errand that nobody does is given up, and what nobody waits for any more is not done', async (t) => {
  const own = await testDb(t);
  const world = steppedWorld(1_000_000);
  const faults: unknown[] = [];
  let asked = 0;
  let done = 0;
  const dependencies = {
    sql: own.sql,
    world,
    tell: async (is: 'asked' | 'done') => void (is === 'asked' ? asked++ : done++),
    onFault: (error: unknown) => faults.push(error),
  };
  const asker = createAsker(dependencies, () => new Error('nobody'));
  const late = t.rejects(asker.ask('access', { n: 1 }), { message: 'nobody' });
  await until(() => asked === 1);
  world.advance(ERRAND_LIMIT_MS);
  await late;
  await own.superuser`UPDATE errands SET created_at = created_at - ${ERRAND_LIMIT_MS + 1}`;

  const seen: unknown[] = [];
  const answer = async (content: unknown) => {
    seen.push(content);
    return { done: seen.length };
  };
  const runner = runErrands(dependencies, {
    create: answer,
    prepare: answer,
    access: answer,
    operator: answer,
    trust: async () => ({ failed: 'read_only', why: 'restored' }),
  });
  const answers = [asker.ask('access', { n: 2 }), asker.ask('trust', { n: 3 })];
  await until(() => asked === 3);
  runner.hear();
  await until(() => done === 2);
  asker.hear();
  t.strictSame(await Promise.all(answers), [{ done: 1 }, { failed: 'read_only', why: 'restored' }]);
  t.strictSame(seen, [{ n: 2 }], 'each once');
  t.strictSame([...(await own.sql`SELECT * FROM errands`)], []);
  await runner.stop();
  t.strictSame(faults, []);
});
