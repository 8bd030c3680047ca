/** A thousand credentials behind one address at the real app: each has its own measure, and one that asks too much takes none of theirs. */
import { issueToken } from '../../server/identity/tokens.ts';
import t from '../support/tap.ts';
import { OPENING_ID, problemIn, setBench } from './bench.ts';

const BIDDERS = 1_000;
const remoteAddress = '203.0.113.1';
const bench = await setBench(t);
await bench.create();
const { stage, app } = bench;
const template = await bench.bidder(0);

/** A token as login gives it, for a key of its own. */
async function tokenOf(n: number, endsAt = template.sessionEndsAt): Promise<string> {
  const caller = { ...template.caller, account: `bidder-${n}`, sessionId: `s-${n}`, jkt: `jkt-${n}` };
  return (await issueToken(stage, caller, endsAt)).accessToken;
}
const get = (authorization: string | null, url = '/openings') =>
  app.inject({ url, remoteAddress, ...(authorization === null ? {} : { headers: { authorization } }) });
const dpop = (token: string): string => `DPoP ${token}`;

t.test('one uses up its own measure, by reading and by decrypting apart; a thousand others are answered', async (t) => {
  const most = bench.dependencies.config.requestsPerMinute;
  const bad = dpop(await tokenOf(-1));
  for (let n = 0; n < most; n++) if ((await get(bad)).statusCode !== 200) t.fail(`request ${n}`);
  const refused = await get(bad);
  t.equal(problemIn(refused), '429 too_many_requests');
  t.match(refused.headers['retry-after'], /^([1-9]|[1-5][0-9]|60)$/);
  const challenge = `/openings/${OPENING_ID}/decryptions/challenge`;
  for (let n = 0; n < most; n++) t.equal((await get(bad, challenge)).statusCode, 401, 'no proof, and yet counted');
  t.equal(problemIn(await get(bad, challenge)), '429 too_many_requests', 'nor does it flood what is vital');

  const startedAt = performance.now();
  const statuses = new Map<number, number>();
  for (let n = 0; n < BIDDERS; n++) {
    const own = dpop(await tokenOf(n));
    for (const answer of [await get(own), await get(own, challenge)])
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
  }
  t.strictSame(Object.fromEntries(statuses), { 200: BIDDERS, 401: BIDDERS }, 'none is refused for another');
  t.comment(`${BIDDERS} credentials, two requests each: ${Math.round(performance.now() - startedAt)} ms`);
});

t.test(
  'a thousand bidders ask for a challenge to log in within the minute, and again; the four thousand and first waits',
  async (t) => {
    const ask = () =>
      app.inject({ method: 'POST', url: '/auth/challenge', payload: { jkt: 'not a thumbprint' }, remoteAddress });
    for (let n = 0; n < 4 * BIDDERS; n++) if ((await ask()).statusCode !== 400) t.fail(`login ${n}`);
    t.equal(problemIn(await ask()), '429 too_many_requests');
    const elsewhere = await app.inject({
      method: 'POST',
      url: '/auth/challenge',
      payload: {},
      remoteAddress: '203.0.113.2',
    });
    t.equal(elsewhere.statusCode, 400);
    t.equal((await get(null)).statusCode, 200, 'reading goes on');
  },
);

t.test('a token that has run out counts as its holder’s, one that nobody issued as a stranger’s', async (t) => {
  const expired = dpop(await tokenOf(2_000, stage.world.now() - 60_000));
  const most = bench.dependencies.config.requestsPerMinute;
  for (let n = 0; n < most; n++) if ((await get(expired)).statusCode !== 200) t.fail(`request ${n}`);
  t.equal(problemIn(await get(expired)), '429 too_many_requests');
  t.equal((await get(null)).statusCode, 200);
  t.equal((await get('DPoP a.b.c')).statusCode, 200, 'the list is for everybody');
});
