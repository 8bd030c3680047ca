/** Bench `outside`: does how long an answer takes tell how many have bid? Two platforms without a bid and one with 300, asked in turn. */

import { type Bench, OPENING_ID, setBench } from '../http/bench.ts';
import type { Person } from '../identity/stage.ts';
import { type Figures, median, round } from './measure.ts';

/** The first two are alike: what tells them apart is this machine's noise. */
const COUNTS = [0, 0, 300] as const;
const ROUNDS = 600;
/** Answers before the first that counts: code is compiled, connections are there. */
const WARM_UP = 60;

type Target = {
  readonly name: string;
  readonly who: (bench: Bench) => Promise<Person | null>;
  /** Asks once. Returns: the status. */
  readonly ask: (bench: Bench, who: Person | null) => Promise<number>;
};

const nobody = async (): Promise<null> => null;
const reading = (name: string, url: string, who: Target['who'] = nobody): Target => ({
  name,
  who,
  ask: async (bench, person) => (await bench.ask(person, { url })).statusCode,
});

const TARGETS: readonly Target[] = [
  reading('Glance', `/openings/${OPENING_ID}`),
  reading('HostEntries', `/openings/${OPENING_ID}/entries`, (bench) => bench.official('host')),
  reading('LedgerHead', '/logs/ledger/checkpoint'),
  reading('OpeningTile', `/logs/opening/${OPENING_ID}/tile/0/000.p/2`),
  reading('Ready', '/readyz'),
  {
    name: 'RivalActs',
    // refused by the register before check-in opens: decided, and nothing of it stays
    who: (bench) => bench.bidder(900),
    ask: async (bench, who) => {
      if (who === null) throw new Error('nobody acts');
      return (await bench.command(who, 'bidder', 'CheckIn')).statusCode;
    },
  },
];

/**
 * How well one answer's time tells two platforms apart: the largest difference between the shares of answers within any time
 * (two-sample Kolmogorov–Smirnov), percent. 0: not at all; 100: for certain.
 */
function advantage(one: readonly number[], other: readonly number[]): number {
  const within = (times: readonly number[], limit: number) => times.filter((ms) => ms <= limit).length / times.length;
  return 100 * Math.max(...[...one, ...other].map((limit) => Math.abs(within(one, limit) - within(other, limit))));
}

async function timesOf(benches: readonly Bench[], { name, who, ask }: Target): Promise<number[][]> {
  const people = await Promise.all(benches.map(who));
  const times: number[][] = benches.map(() => []);
  let status: number | undefined;
  for (let turn = -WARM_UP; turn < ROUNDS; turn++)
    for (let place = 0; place < benches.length; place++) {
      // who is asked first in a turn changes
      const which = (place + turn + WARM_UP) % benches.length;
      const bench = benches[which] as Bench;
      const startedAt = performance.now();
      const answered = await ask(bench, people[which] ?? null);
      const ms = performance.now() - startedAt;
      status ??= answered;
      if (answered !== status) throw new Error(`${name} answered ${answered} after ${status}`);
      if (turn >= 0) times[which]?.push(ms);
    }
  return times;
}

/**
 * Measures every target.
 *
 * Returns: `<target>Ms` the median without bids, `<target>Percent` what 300 bids tell, `<target>NoisePercent` what nothing tells;
 *          `worstPercent` and `worstNoisePercent` over all.
 */
export async function benchOutside(): Promise<Figures> {
  const ends: (() => Promise<void>)[] = [];
  const t = { teardown: (end: () => Promise<void>) => void ends.unshift(end) };
  const environment = { KAIBIAO_REQUESTS_PER_MINUTE: '100000' };
  try {
    return await measureAll(t, environment);
  } finally {
    for (const end of ends) await end();
  }
}

async function measureAll(t: Parameters<typeof setBench>[0], environment: Record<string, string>): Promise<Figures> {
  const benches: Bench[] = [];
  for (const count of COUNTS) {
    const bench = await setBench(t, { environment });
    await bench.create();
    for (let index = 1; index <= count; index++) await bench.lodge(await bench.bidder(index), index);
    benches.push(bench);
  }
  const figures: Record<string, number> = {};
  let worst = 0;
  let worstNoise = 0;
  for (const target of TARGETS) {
    const [none = [], alike = [], many = []] = await timesOf(benches, target);
    const told = advantage(none, many);
    const noise = advantage(none, alike);
    figures[`${target.name}Ms`] = round(median(none));
    figures[`${target.name}Percent`] = round(told);
    figures[`${target.name}NoisePercent`] = round(noise);
    worst = Math.max(worst, told);
    worstNoise = Math.max(worstNoise, noise);
  }
  return { worstPercent: round(worst), worstNoisePercent: round(worstNoise), ...figures };
}
