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
  const { size } = (await bench.dependencies.hall.room(OPENING_ID))?.head() ?? { size: 0 };
  const count = () => heard.reduce((sum, down) => sum + (down.kind === 'entries' ? down.entries.length : 0), 0);
  await until(() => count() === size);
  seen.push(heard.map((down) => mask(JSON.stringify(down))));
  socket.terminate();
  return seen;
}

/** Platforms that differ in nothing but how many bid. */
const counts = [0, 1, 3] as const;
const benches = await Promise.all(
  counts.map(async (count) => {
    const bench = await setBench(t);
    await bench.create();
    for (let index = 1; index <= count; index++) await bench.lodge(await bench.bidder(index), index);
    return bench;
  }),
);
const [, one, three] = benches as [Bench, Bench, Bench];

t.test('scheduled: 0 bids and 3 bids look the same', async (t) => {
  const [nobody, , all] = await Promise.all(benches.map(observe));
  t.strictSame(all, nobody);
});

t.test('in check-in: nobody checked in, or three who also look on', async (t) => {
  for (const bench of benches) {
    await bench.passTo(bench.deadlineAt - MINUTE);
    await bench.untilPhase('CheckIn');
  }
  for (let index = 1; index <= 3; index++) {
    const bidder = await three.bidder(index);
    t.equal((await three.command(bidder, 'bidder', 'CheckIn')).statusCode, 200);
    const ticket = await three.ticket(bidder, 'bidder');
    await three.app.injectWS(`/openings/${OPENING_ID}/live`, {
      headers: { 'sec-websocket-protocol': `${SUBPROTOCOL}, ticket.${ticket}` },
      socket: { remoteAddress: '127.0.0.1' },
    } as never);
  }
  const [nobody, , all] = await Promise.all(benches.map(observe));
  t.strictSame(all, nobody);
});

t.test('sealed: 1 bid and 3 bids look the same until the roster', async (t) => {
  for (const bench of [one, three]) {
    await bench.passTo(bench.deadlineAt);
    await bench.untilPhase('Sealed');
    bench.stage.world.advance(20);
  }
  const seen = await observe(one);
  t.strictSame(await observe(three), seen);
  t.notMatch(JSON.stringify(seen), /"bids":[0-9]/);
});
