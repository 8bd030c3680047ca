/** Before the deadline everything an outsider can observe is the same for 0 and 3 bids; until the roster, the same for 1 and 3. */
import type { Down } from '../../server/core/wire/down.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { type Bench, MINUTE, OPENING_ID, ORIGIN, setBench } from './bench.ts';

const PATHS = [
  '/openings',
  `/openings/${OPENING_ID}`,
  `/openings/${OPENING_ID}/entries`,
  `/openings/${OPENING_ID}/record`,
  `/openings/${OPENING_ID}/decryptions/challenge`,
  `/logs/opening/${OPENING_ID}/checkpoint`,
  `/logs/opening/${OPENING_ID}/tile/entries/000.p/3`,
  `/logs/opening/${OPENING_ID}/tile/entries/000.p/4`,
  `/logs/opening/${OPENING_ID}/tile/entries/000.p/5`,
  '/readyz',
];

/** Random digests, salts, signatures and keys by their length only, and the instants of commits. */
const mask = (text: string): string =>
  text
    .replace(/[A-Za-z0-9+/_-]{20,}={0,2}/g, (found) => `#${found.length}`)
    .replace(/"(now|phaseSince|createdAt)":[0-9]{13}|"at\\?":\\?"[0-9T:.-]+Z/g, '@');

/** What an outsider sees and hears at this moment. */
async function observe(bench: Bench): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const url of PATHS) {
    const { statusCode, headers, body } = await bench.ask(null, { url });
    const { date: _date, ...rest } = headers;
    seen.push({ url, statusCode, rest: { ...rest, 'ratelimit-remaining': 0, 'ratelimit-reset': 0 }, body: mask(body) });
  }
  const heard: Down[] = [];
  const socket = await bench.app.injectWS(
    `/openings/${OPENING_ID}/live?after=-1`,
    {
      headers: { origin: ORIGIN, 'sec-websocket-protocol': SUBPROTOCOL },
      socket: { remoteAddress: '127.0.0.1' },
    } as never,
    { onInit: (ws) => ws.on('message', (data) => heard.push(JSON.parse(data.toString()) as Down)) },
  );
  await until(() => heard.some(({ kind }) => kind === 'entries'));
  seen.push(heard.map((down) => mask(JSON.stringify(down))));
  socket.terminate();
  return seen;
}

/** Two platforms that differ in nothing but how many bid. */
async function pair(
  t: { teardown(act: () => Promise<void>): void },
  counts: readonly [number, number],
): Promise<Bench[]> {
  const benches = [await setBench(t), await setBench(t)];
  for (const [n, bench] of benches.entries()) {
    await bench.create();
    for (let index = 1; index <= (counts[n] ?? 0); index++) {
      const bidder = await bench.bidder(index);
      await bench.lodge(bidder, index);
    }
  }
  return benches;
}

t.test('before the deadline: 0 bids and 3 bids, scheduled and in check-in', async (t) => {
  const benches = await pair(t, [0, 3]);
  const [none, three] = await Promise.all(benches.map(observe));
  t.strictSame(three, none);
  for (const bench of benches) {
    await bench.passTo(bench.deadlineAt - MINUTE);
    await bench.untilPhase('CheckIn');
  }
  const [, busy] = benches;
  for (let index = 1; index <= 3; index++) {
    const bidder = await (busy as Bench).bidder(index);
    t.equal((await (busy as Bench).command(bidder, 'bidder', 'CheckIn')).statusCode, 200);
    // Bidders who look on are not counted either.
    const ticket = await (busy as Bench).ticket(bidder, 'bidder');
    await (busy as Bench).app.injectWS(`/openings/${OPENING_ID}/live`, {
      headers: { 'sec-websocket-protocol': `${SUBPROTOCOL}, ticket.${ticket}` },
      socket: { remoteAddress: '127.0.0.1' },
    } as never);
  }
  const [quiet, checkedIn] = await Promise.all(benches.map(observe));
  t.strictSame(checkedIn, quiet);
});

t.test('between deadline and roster: 1 bid and 3 bids', async (t) => {
  const benches = await pair(t, [1, 3]);
  for (const bench of benches) {
    await bench.passTo(bench.deadlineAt);
    await bench.untilPhase('Sealed');
    bench.stage.world.advance(20);
  }
  const [one, three] = await Promise.all(benches.map(observe));
  t.strictSame(three, one);
  t.notMatch(JSON.stringify(one), /"bids":[0-9]/);
});
