/** A page tells monitors what it was shown: once each, at its own moment, again when one was not reached; another history stays said, and is loud only where it is proven. */
import {
  type Answered,
  type HeadReportOptions,
  REPORT_PERIOD_MS,
  reportHeads,
} from '../../web/opening/head-reports.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const [ONE, TWO] = ['https://one.example', 'https://two.example/kaibiao'];

/** A page whose heads, monitors and answers a test may change. */
function page(random = 0, monitors: readonly string[] | null = [ONE, TWO]) {
  const world = steppedWorld();
  const now = {
    heads: ['pinned', 'first'] as string[],
    monitors,
    said: (_address: string): Answered => ({ verdict: 'known' }),
    posts: [] as string[],
  };
  const options: HeadReportOptions = {
    world: { after: world.after, random: () => random },
    heads: () => now.heads,
    readMonitors: async () => now.monitors,
    async post(address, note) {
      now.posts.push(`${address} ${note}`);
      return now.said(address);
    },
    isProven: async ([note]) => note === 'proof',
  };
  const reports = reportHeads(options);
  return { now, reports, world, pass: (ms: number) => world.advanceGently(ms) };
}

t.test('each head once to each monitor, a new one within the next minute', async (t) => {
  const { now, reports, pass } = page(0.5);
  await pass(0);
  t.strictSame(
    reports.monitors.value,
    [
      { address: ONE, said: null },
      { address: TWO, said: null },
    ],
    'named before they are told',
  );
  await pass(REPORT_PERIOD_MS / 2 - 1);
  t.strictSame(now.posts, [], 'a crowd does not come in one moment');
  await pass(1);
  t.strictSame(now.posts, [`${ONE} pinned`, `${TWO} pinned`, `${ONE} first`, `${TWO} first`]);
  now.heads = ['first', 'second'];
  await pass(REPORT_PERIOD_MS);
  t.strictSame(now.posts.slice(4), [`${ONE} second`, `${TWO} second`]);
  await pass(5 * REPORT_PERIOD_MS);
  t.equal(now.posts.length, 6);
  reports.close();
});

t.test('who was not reached is told again; who was shown another history stays named', async (t) => {
  const { now, reports, pass } = page();
  now.heads = ['first'];
  now.said = (address) => (address === ONE ? null : { verdict: 'other', evidence: ['proof', ''] });
  await pass(0);
  t.strictSame(reports.monitors.value, [
    { address: ONE, said: 'unreached' },
    { address: TWO, said: 'other' },
  ]);
  now.said = () => ({ verdict: 'waiting' });
  now.heads = ['first', 'second'];
  await pass(REPORT_PERIOD_MS);
  t.strictSame(now.posts.slice(2), [`${ONE} first`, `${ONE} second`, `${TWO} second`]);
  t.strictSame(reports.monitors.value, [
    { address: ONE, said: 'waiting' },
    { address: TWO, said: 'other' },
  ]);
  reports.close();
});

t.test('a monitor that proves nothing only claims; that stays said, and is proven later if it is', async (t) => {
  const { now, reports, pass } = page(0, [ONE, TWO]);
  const said = () => reports.monitors.value?.map((line) => line.said);
  now.said = (address) => ({ verdict: 'other', ...(address === TWO && { evidence: ['word', ''] }) });
  await pass(0);
  t.strictSame(said(), ['claims', 'claims']);
  now.heads = ['second'];
  now.said = () => ({ verdict: 'known' });
  await pass(REPORT_PERIOD_MS);
  t.strictSame(said(), ['claims', 'claims']);
  now.heads = ['third'];
  now.said = (address) => ({ verdict: 'other', evidence: [address === ONE ? 'proof' : 'word', ''] });
  await pass(REPORT_PERIOD_MS);
  t.strictSame(said(), ['other', 'claims']);
  reports.close();
});

t.test('a platform that does not say is asked again; one that names nobody leaves it', async (t) => {
  const { now, reports, world, pass } = page(0, null);
  await pass(0);
  t.equal(reports.monitors.value, null);
  now.monitors = [];
  await pass(REPORT_PERIOD_MS);
  t.strictSame(reports.monitors.value, []);
  t.strictSame(now.posts, []);
  reports.close();
  t.equal(world.alarms(), 0, 'nothing is left behind');
});
