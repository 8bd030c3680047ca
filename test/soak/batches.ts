/** A long soak as batches, each a process with a database and a seed of its own: memory stays bounded, and what is found is found again by its batch alone. */
import { fork } from 'node:child_process';
import { scriptOf } from '../support/script.ts';
import { emptySummary, type Summary } from './simulate.ts';

/** Openings of one process. */
export const BATCH_LIMIT = 200;

export type Batch = {
  readonly seed: string;
  readonly openings: number;
  readonly together: number;
  readonly isCosigned?: boolean;
};

/** Why a batch ended before its time; `story`: how the opening went, line by line, and where the error was thrown. */
export type Found = { readonly why: string; readonly story: readonly string[] };

/** What became of a batch; `found` is null when every invariant held. */
export type BatchEnd = { readonly batch: Batch; readonly summary: Summary; readonly found: Found | null };

/** What a batch's process tells: how far it is, and at the end whether something was found. */
export type BatchWord = { readonly summary: Summary; readonly isOver: boolean; readonly found: Found | null };

const CHILD = scriptOf('test/soak/batch-child.ts');

/** Batches of at most so many; the seed of a batch that is alone is the seed itself, which is how it is run again. */
export function batchesOf({ seed, openings, together, ...how }: Batch): Batch[] {
  const count = Math.ceil(openings / BATCH_LIMIT);
  if (count <= 1) return [{ seed, openings, together, ...how }];
  return Array.from({ length: count }, (_, n) => ({
    seed: `${seed}/${n + 1}`,
    openings: Math.min(BATCH_LIMIT, openings - n * BATCH_LIMIT),
    together,
    ...how,
  }));
}

/** The line that runs a batch again. */
export function commandOf({ seed, openings, together, isCosigned }: Batch): string {
  return `npm run soak -- --seed '${seed}' --openings ${openings} --together ${together}${isCosigned ? ' --cosigners' : ''}`;
}

/** Runs a batch in a process of its own. `onProgress` hears what it has done so far. */
export async function runBatch(batch: Batch, onProgress: (summary: Summary) => void): Promise<BatchEnd> {
  const child = fork(CHILD.path, [JSON.stringify(batch)], { execArgv: [...CHILD.execArgv, '--enable-source-maps'] });
  let last: BatchWord | null = null;
  child.on('message', (word) => {
    last = word as BatchWord;
    onProgress(last.summary);
  });
  const code = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exit, signal) => resolve(String(signal ?? exit)));
  });
  const said = last as BatchWord | null;
  const found = said?.found ?? null;
  const died = { why: `its process ended with ${code}`, story: [] };
  const isWell = code === '0' && said?.isOver === true;
  return { batch, summary: said?.summary ?? emptySummary(batch.seed), found: found ?? (isWell ? null : died) };
}

/** The sum of what several batches did; counts of one name are added. */
export function sumOf(seed: string, summaries: readonly Summary[]): Summary {
  const sum = emptySummary(seed);
  for (const summary of summaries) {
    sum.openings += summary.openings;
    sum.entries += summary.entries;
    sum.acts += summary.acts;
    sum.seconds += summary.seconds;
    for (const name of ['restarts', 'refusals', 'phases', 'events'] as const)
      for (const [what, count] of Object.entries(summary[name])) sum[name][what] = (sum[name][what] ?? 0) + count;
  }
  return sum;
}
