/** Tells the monitors that the platform names which signed heads this page was shown, so that nobody can be shown a history of his own. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { ForkEvidence } from '../../server/core/log/fork-evidence.ts';
import type { Verdict, VerdictAnswer } from '../../server/core/log/head-report.ts';
import type { PageWorld } from '../connection/page-world.ts';

/** Between two reports of one page; the first comes within it, each page at another moment, for a hall is a crowd. */
export const REPORT_PERIOD_MS = 60_000;

/** What a monitor answered; null when it did not. */
export type Answered = VerdictAnswer | null;

/**
 * What a monitor said of the newest head it was told of; `unreached` when it did not answer, `other` when it proved that the platform
 * signed two histories, `claims` when it said so and proved nothing.
 */
export type Said = Verdict | 'claims' | 'unreached';

/** A monitor by its address; `said` is null before it was told anything. Once it has said `other` that stands, and `claims` until then. */
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
  readonly post: (address: string, note: string) => Promise<Answered>;
  /** Whether evidence of a fork convicts the holder of this log's key: a monitor's word alone accuses nobody. */
  readonly isProven: (evidence: ForkEvidence) => Promise<boolean>;
};

/** Reports until it is closed. What a monitor has taken it is not told again. */
export function reportHeads({ world, heads, readMonitors, post, isProven }: HeadReportOptions): HeadReports {
  const monitors = signal<readonly MonitorLine[] | null>(null);
  const taken = new Set<string>();
  let isClosed = false;

  async function learn(): Promise<void> {
    const addresses = await readMonitors();
    if (addresses === null || monitors.value !== null) return;
    monitors.value = addresses.map((address) => ({ address, said: null }));
  }

  async function tell({ address }: MonitorLine, note: string): Promise<void> {
    if (taken.has(`${address}\n${note}`)) return;
    const answer = await post(address, note);
    if (answer !== null) taken.add(`${address}\n${note}`);
    const now = await weigh(answer);
    monitors.value = named().map((line) =>
      line.address === address ? { address, said: graver(line.said, now) } : line,
    );
  }

  async function weigh(answer: Answered): Promise<Said> {
    if (answer === null) return 'unreached';
    if (answer.verdict !== 'other') return answer.verdict;
    return (await isProven(answer.evidence ?? [])) ? 'other' : 'claims';
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

/** What was said of another history is not taken back by what is said later. */
function graver(before: Said | null, now: Said): Said {
  return [before, now].find((said) => said === 'other') ?? (before === 'claims' ? before : now);
}
