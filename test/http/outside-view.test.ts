/** Before the roster every person's view is the same for 0, 3 or 300 other bids: answers, frames, tiles of all logs, and metrics. */
import { ledgerOrigin } from '../../server/core/log/origin.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { Down } from '../../server/core/wire/down.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import type { Person } from '../identity/stage.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { type Bench, MINUTE, OFFICIALS, OPENING_ID, ORIGIN, originOf, setBench } from './bench.ts';

const COUNTS = [0, 3, 300] as const;
/** The one bidder who looks on in every platform; the others are 1 … 300. */
const RIVAL = 900;
/** Of so many bidders one checks in, and of so many one also holds a socket. */
const CHECKING_IN = 5;
const LOOKING_ON = 20;
const BATCH_PERIOD_MS = 10_000;
const HEAD_PERIOD_MS = 1_000;
/** Rounds of heads within which a head is in the ledger, however late it was announced: fewer than a batch period has. */
const ROUNDS_LIMIT = 9;
const LEDGER = ledgerOrigin('kaibiao.test');

type Judge = Pick<typeof t, 'strictSame'>;
type View = {
  readonly name: string;
  readonly role: PersonRole;
  readonly who: (bench: Bench) => Promise<Person | null>;
};

const OUTSIDER: View = { name: 'an outsider', role: 'public', who: async () => null };
const RIVAL_VIEW: View = { name: 'another bidder', role: 'bidder', who: (bench) => bench.bidder(RIVAL) };
const OFFICIAL_VIEWS: readonly View[] = (Object.keys(OFFICIALS) as (keyof typeof OFFICIALS)[]).map((role) => ({
  name: `the ${role}`,
  role,
  who: (bench) => bench.official(role),
}));

/** Random digests, salts, signatures and keys by their length only, and instants. */
const mask = (text: string): string =>
  text
    .replace(/[A-Za-z0-9+/_-]{20,}={0,2}/g, (found) => `#${found.length}`)
    .replace(/"(now|phaseSince|createdAt|since|expiresAt)":[0-9]{13}/g, '"$1":@')
    .replace(/\\?"at\\?":\\?"[0-9T:.-]+Z/g, '@');

/** Waits until the ledger has the opening's newest head; the head's announcement comes in its own time, a round every second. */
async function untilHeadTaken(bench: Bench): Promise<void> {
  const { world } = bench.stage;
  const head = () => bench.dependencies.log.released(originOf())?.size;
  for (let round = 0; (await bench.ledger.anchoredSize(originOf())) !== head(); round++) {
    if (round === ROUNDS_LIMIT) throw new Error('the head is not taken');
    world.advance(HEAD_PERIOD_MS);
    await until(() => bench.ledger.health().headsTakenAt === world.now());
  }
}

/** Lets the clock come to an instant, a batch period at a time: no batch is left out because this machine is slow. */
async function walkTo(bench: Bench, at: number): Promise<void> {
  const { world } = bench.stage;
  while (world.now() < at) {
    const periodEndsAt = world.now() + BATCH_PERIOD_MS - (world.now() % BATCH_PERIOD_MS);
    world.advance(Math.min(at, periodEndsAt) - world.now());
    if (world.now() < periodEndsAt) continue;
    const isTaken = () => bench.ledger.health().batchTakenAt === periodEndsAt;
    await until(isTaken);
  }
}

/** Waits until the recorder is in a phase, and only then lets the clock come to the room's next frame: it may not run away. */
async function untilPhase(bench: Bench, phase: string): Promise<void> {
  await until(async () => (await bench.recorder.stateOf(OPENING_ID))?.phase === phase);
  await bench.untilPhase(phase);
}

async function readText(bench: Bench, who: Person | null, url: string, isBinary = false): Promise<unknown> {
  const { statusCode, headers, body, rawPayload } = await bench.ask(who, { url });
  const { date: _date, ...rest } = headers;
  return { url, statusCode, headers: rest, body: isBinary ? rawPayload.length : mask(body) };
}

/** Everything one person can read and hear at this moment. */
async function observe(bench: Bench, { who, role }: View): Promise<unknown[]> {
  const person = await who(bench);
  const size = bench.dependencies.log.released(originOf())?.size ?? 0;
  const seen: unknown[] = [];
  for (const url of [
    '/openings',
    `/openings/${OPENING_ID}`,
    `/openings/${OPENING_ID}/entries`,
    `/openings/${OPENING_ID}/record`,
    `/openings/${OPENING_ID}/decryptions/challenge`,
    `/openings/${OPENING_ID}/decryptions/own`,
    '/logs/ledger/checkpoint',
    '/logs/access/checkpoint',
    `/logs/opening/${OPENING_ID}/checkpoint`,
    '/platform',
    '/readyz',
  ])
    seen.push(await readText(bench, person, url));
  const ledgerSize = bench.dependencies.log.released(LEDGER)?.size ?? 0;
  for (const [log, entries] of [
    [`opening/${OPENING_ID}`, size],
    ['ledger', ledgerSize],
  ] as const)
    for (const width of [entries - 1, entries, entries + 1])
      for (const tile of ['0', 'entries'])
        seen.push(await readText(bench, person, `/logs/${log}/tile/${tile}/000.p/${width}`, true));
  seen.push(await hear(bench, person, role, size));
  return seen;
}

/** The frames of a socket up to the present head. */
async function hear(bench: Bench, person: Person | null, role: PersonRole, size: number): Promise<unknown> {
  const heard: Down[] = [];
  const protocol = person === null ? SUBPROTOCOL : `${SUBPROTOCOL}, ticket.${await bench.ticket(person, role)}`;
  const socket = await bench.app.injectWS(
    `/openings/${OPENING_ID}/live?after=-1`,
    {
      headers: { origin: ORIGIN, 'sec-websocket-protocol': protocol },
      socket: { remoteAddress: '127.0.0.1' },
    } as never,
    { onInit: (ws) => ws.on('message', (data) => heard.push(JSON.parse(data.toString()) as Down)) },
  );
  const count = () => heard.reduce((sum, down) => sum + (down.kind === 'entries' ? down.entries.length : 0), 0);
  await until(() => count() === size);
  socket.terminate();
  return heard.map((down) => mask(JSON.stringify(down)));
}

/** The metrics' names, labels and how often each was counted; how long anything took stands in buckets and sums, and is this machine's. */
async function metricsOf(bench: Bench): Promise<string[]> {
  const { body } = await bench.ask(null, { url: '/metrics', headers: { authorization: 'Bearer a-token-for-metrics' } });
  return body
    .split('\n')
    .filter((line) => line.startsWith('kaibiao_read_seconds_count') || line.startsWith('# HELP'))
    .sort();
}

/** All views of all platforms, each taken at the same instant of its own batch period, the first at `fromAt`. */
async function compare(t: Judge, benches: readonly Bench[], fromAt: number, views: readonly View[]): Promise<void> {
  await Promise.all(benches.map(untilHeadTaken));
  for (const [n, view] of views.entries()) {
    const [first, ...others] = await Promise.all(
      benches.map(async (bench) => {
        await walkTo(bench, fromAt + n * BATCH_PERIOD_MS);
        return observe(bench, view);
      }),
    );
    for (const other of others) t.strictSame(other, first, view.name);
  }
  const [first, ...others] = await Promise.all(benches.map(metricsOf));
  for (const other of others) t.strictSame(other, first, 'metrics');
}

const benches = await Promise.all(
  COUNTS.map(async (count) => {
    const bench = await setBench(t);
    await bench.create();
    for (let index = 1; index <= count; index++) await bench.lodge(await bench.bidder(index), index);
    return bench;
  }),
);

const [{ deadlineAt }] = benches as [Bench, Bench, Bench];
const publishedAt = deadlineAt - 3 * MINUTE;
const checkInAt = deadlineAt - MINUTE;

t.test('scheduled, with 0, 3 and 300 bids on the register', async (t) => {
  await compare(t, benches, publishedAt + 20_000, [OUTSIDER, ...OFFICIAL_VIEWS]);
});

t.test('scheduled, seen by a bidder', async (t) => {
  for (const bench of benches) await bench.lodge(await bench.bidder(RIVAL), RIVAL);
  await compare(t, benches, publishedAt + 90_000, [RIVAL_VIEW, OUTSIDER]);
});

t.test('in check-in, after some of the others have checked in and look on', async (t) => {
  for (const [n, bench] of benches.entries()) {
    await walkTo(bench, checkInAt);
    await untilPhase(bench, 'CheckIn');
    for (let index = 1; index <= (COUNTS[n] as number); index += CHECKING_IN) {
      const answer = await bench.command(await bench.bidder(index), 'bidder', 'CheckIn');
      if (answer.statusCode !== 200) t.fail(answer.body);
    }
    for (let index = 1; index <= (COUNTS[n] as number); index += LOOKING_ON) {
      const bidder = await bench.bidder(index);
      await bench.app.injectWS(`/openings/${OPENING_ID}/live`, {
        headers: {
          origin: ORIGIN,
          'sec-websocket-protocol': `${SUBPROTOCOL}, ticket.${await bench.ticket(bidder, 'bidder')}`,
        },
        socket: { remoteAddress: '127.0.0.1' },
      } as never);
    }
  }
  await compare(t, benches, checkInAt + 10_000, [OUTSIDER, RIVAL_VIEW, ...OFFICIAL_VIEWS.slice(0, 1)]);
});

t.test('sealed: until the roster nobody learns more than that the minimum was met', async (t) => {
  for (const bench of benches) {
    await walkTo(bench, deadlineAt);
    await untilPhase(bench, 'Sealed');
  }
  await compare(t, benches, deadlineAt + 20_000, [OUTSIDER, RIVAL_VIEW, ...OFFICIAL_VIEWS]);
});

t.test('once the roster is published the same views differ: they would have told', async (t) => {
  const views = await Promise.all(
    benches.map(async (bench) => {
      const published = await bench.command(await bench.official('host'), 'host', 'PublishRoster');
      if (published.statusCode !== 200) t.fail(published.body);
      await untilPhase(bench, 'RosterPublished');
      return observe(bench, OUTSIDER);
    }),
  );
  const [rivalAlone, four, all] = views;
  t.notSame(four, rivalAlone);
  t.notSame(all, four);
});
