/** A bidder's private thread: its bidder and the host read it, others do not; an official by a request with a reason, on the access log first. */
import { readDisclosure } from '../../server/core/log/disclosure.ts';
import { accessOrigin } from '../../server/core/log/origin.ts';
import t from '../support/tap.ts';
import { OPENING_ID, setBench } from './bench.ts';

const bench = await setBench(t);
const { database } = bench.stage;
await bench.create();
const host = await bench.official('host');
const bidders = await Promise.all([0, 1, 2].map((index) => bench.bidder(index)));
for (const [index, who] of bidders.entries()) await bench.lodge(who, index);
await bench.passTo(bench.deadlineAt);
await bench.untilPhase('Sealed');
await bench.command(host, 'host', 'PublishRoster');
await bench.untilPhase('RosterPublished');

const [mine, theirs] = bidders;
if (mine === undefined || theirs === undefined) throw new Error('no bidders');
const text = '签名设备 <异常>，请协助';
await bench.command(mine, 'bidder', 'Say', { text, to: 'host' });
await bench.command(theirs, 'bidder', 'Say', { text: '另一家的话', to: 'host' });
const state = await bench.recorder.stateOf(OPENING_ID);
const number = state?.bids.find((b) => b.messages === 1)?.bidder ?? 0;

async function textsFor(who: typeof mine | null, role: string): Promise<unknown[]> {
  const answer = await bench.ask(who ?? null, { url: `/openings/${OPENING_ID}/entries?role=${role}` });
  const { disclosures } = answer.json<{ disclosures: Record<string, string[]> }>();
  return Object.values(disclosures)
    .flat()
    .map((one) => readDisclosure(one))
    .filter((d) => d.field === 'text')
    .map((d) => d.value);
}
async function read(who: typeof mine | null, role: string, reason = '核查投诉', bidder: number | string = number) {
  const url = `/openings/${OPENING_ID}/threads/${bidder}/readings`;
  return bench.ask(who ?? null, { method: 'POST', url, payload: { role, reason } });
}

t.test('its bidder and the host read it; another bidder, the witness and the public do not', async (t) => {
  t.same(await textsFor(mine, 'bidder'), [text]);
  t.same(await textsFor(host, 'host'), [text, '另一家的话']);
  t.same(await textsFor(theirs, 'bidder'), ['另一家的话']);
  t.same(await textsFor(await bench.official('witness'), 'witness'), []);
  t.same(await textsFor(null, 'public'), []);
});

t.test('an official reads one thread with a reason, which stands on the access log first', async (t) => {
  const supervisor = await bench.official('supervisor');
  const answer = await read(supervisor, 'supervisor');
  t.equal(answer.statusCode, 200);
  const said = Object.values(answer.json<{ disclosures: Record<string, string[]> }>().disclosures).flat();
  t.equal(said.length, 1, 'one thread, not the others');
  const origin = accessOrigin('kaibiao.test');
  const rows = await database.sql<{ field: string; disclosure: string }[]>`
    SELECT field, disclosure FROM disclosures WHERE origin = ${origin} ORDER BY seq DESC, field LIMIT 3`;
  const last = Object.fromEntries(rows.map(({ field, disclosure }) => [field, readDisclosure(disclosure).value]));
  t.match(last, {
    access: { openingId: OPENING_ID, what: 'thread' },
    who: { role: 'supervisor', reason: '核查投诉', bidder: number },
  });
});

t.test('what cannot be logged is not shown; and nobody else comes in this way', async (t) => {
  const witness = await bench.official('witness');
  const { recordAccess } = bench.dependencies.ledger;
  const ledger = bench.dependencies.ledger as { recordAccess: unknown };
  ledger.recordAccess = async () => {
    throw new Error('the access log is away');
  };
  t.equal((await read(witness, 'witness')).statusCode, 500);
  ledger.recordAccess = recordAccess;
  t.equal((await read(witness, 'witness')).statusCode, 200);
  t.match((await read(witness, 'supervisor')).json(), { code: 'role_not_held' });
  t.match((await read(theirs, 'witness')).json(), { code: 'role_not_held' });
  t.equal((await read(null, 'witness')).statusCode, 401);
  t.match((await read(witness, 'witness', '核查', 99)).json(), { code: 'no_such_bidder' });
  t.equal((await read(witness, 'witness', '')).statusCode, 400, 'no reading without a reason');
  t.equal((await read(host, 'host')).statusCode, 400, 'the host reads it on the log');
});
