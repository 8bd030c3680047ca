/** How a bench measures: rates over a stretch of time, percentiles, and medians of repetitions. */

/** What a bench found: named figures. */
export type Figures = Readonly<Record<string, number>>;

/** Times each measurement is repeated; the median is told. */
export const REPETITIONS = 3;

/** How often `work` ends within about `ms`, by `clients` at once, each starting anew when it ends: per second. */
export async function rateOf(ms: number, clients: number, work: (client: number) => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  let ended = 0;
  const run = async (client: number): Promise<void> => {
    while (performance.now() - startedAt < ms) {
      await work(client);
      ended += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  return (ended * 1000) / (performance.now() - startedAt);
}

/** How long each of `count` requests took that came at a fixed rate, whatever the ones before did; ms, from when it was due. */
export async function latenciesAt(
  perSecond: number,
  count: number,
  work: (n: number) => Promise<void>,
): Promise<number[]> {
  const startedAt = performance.now();
  const latencies: number[] = [];
  const all: Promise<void>[] = [];
  for (let n = 0; n < count; n++) {
    const dueAt = startedAt + (n * 1000) / perSecond;
    const early = dueAt - performance.now();
    if (early > 1) await new Promise((due) => setTimeout(due, early));
    all.push(work(n).then(() => void latencies.push(performance.now() - dueAt)));
  }
  await Promise.all(all);
  return latencies;
}

/** The value below which `share` of them lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Rounded as far as the figure says anything. */
export function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
