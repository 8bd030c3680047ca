/** Tells the monitors that the platform names which signed heads this page was shown, so that nobody can be shown a history of his own. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Verdict } from '../../server/core/log/head-report.ts';
import type { PageWorld } from '../connection/page-world.ts';

/** Between two reports of one page; the first comes within it, each page at another moment, for a hall is a crowd. */
export const REPORT_PERIOD_MS = 60_000;

/** What a monitor said of the newest head it was told of; `unreached` when it did not answer. */
export type Said = Verdict | 'unreached';

/** A monitor by its address; `said` is null before it was told anything. Once it has said `other`, that stands. */
export type MonitorLine = { readonly address: string; readonly said: Said | null };

export type HeadReports = {
  /** Null before the platform has said whom it names. */
  readonly monitors: ReadonlySignal<readonly MonitorLine[] | null>;
  close(): void;
};

export type HeadReportOptions = {
  readonly world: Pick<PageWorld, 'after' | 'random'>;
  /** Signed heads this page was shown, the newest last. */
  readonly heads: () => readonly string[];
  /** Addresses of the monitors; null = nobody answers. */
  readonly readMonitors: () => Promise<readonly string[] | null>;
  readonly post: (address: string, note: string) => Promise<Said>;
};

/** Reports until it is closed. What a monitor has taken it is not told again. */
export function reportHeads({ world, heads, readMonitors, post }: HeadReportOptions): HeadReports {
  const monitors = signal<readonly MonitorLine[] | null>(null);
  const taken = new Set<string>();
  let isClosed = false;

  async function learn(): Promise<void> {
    const addresses = await readMonitors();
    if (addresses === null || monitors.value !== null) return;
    monitors.value = addresses.map((address) => ({ address, said: null }));
  }

  async function tell({ address, said }: MonitorLine, note: string): Promise<void> {
    if (taken.has(`${address}\n${note}`)) return;
    const answer = await post(address, note);
    if (answer !== 'unreached') taken.add(`${address}\n${note}`);
    const now = said === 'other' ? 'other' : answer;
    monitors.value = named().map((line) => (line.address === address ? { address, said: now } : line));
  }

  async function turn(): Promise<void> {
    if (monitors.value === null) await learn();
    for (const note of heads()) for (const { address } of named()) await tell(lineOf(address), note);
  }
  const named = (): readonly MonitorLine[] => monitors.value ?? [];
  const lineOf = (address: string): MonitorLine =>
    named().find((line) => line.address === address) ?? { address, said: null };

  let drop = world.after(Math.floor(world.random() * REPORT_PERIOD_MS), again);
  function again(): void {
    void turn().finally(() => {
      if (!isClosed) drop = world.after(REPORT_PERIOD_MS, again);
    });
  }
  void learn();
  return {
    monitors,
    close() {
      isClosed = true;
      drop();
    },
  };
}
