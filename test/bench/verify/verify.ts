/** Bench `verify`: `kaibiao verify` of a whole opening on disk, every act's signature and every disclosure, against hashing the same bytes once. */
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderSource } from '../../../server/cli/log-source.ts';
import { verifySource } from '../../../server/cli/verify-log.ts';
import { type Figures, median, REPETITIONS, round } from '../measure.ts';

const ENTRIES = 100_000;

/** Seconds that SHA-256 takes for every file of the log, one after another; reading them is not counted. */
function hashAll(folder: string): number {
  let seconds = 0;
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = readFileSync(join(file.parentPath, file.name));
    const startedAt = performance.now();
    hash('sha256', bytes, 'buffer');
    seconds += (performance.now() - startedAt) / 1000;
  }
  return seconds;
}

async function verifyAll(folder: string): Promise<number> {
  const startedAt = performance.now();
  const verified = await verifySource(folderSource(folder), { requireAllDisclosures: true });
  if (!verified.ok) throw new Error(`${verified.reason} at ${verified.seq}: ${verified.detail}`);
  if (verified.entries !== ENTRIES || verified.actsChecked !== ENTRIES) throw new Error('not all was verified');
  return (performance.now() - startedAt) / 1000;
}

export async function benchVerify(): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-bench-'));
  try {
    // by another process, so that the memory measured here is the verifier's
    const make = join(import.meta.dirname, 'make-log.ts');
    execFileSync(process.execPath, [...process.execArgv, make, folder, String(ENTRIES)], { stdio: 'inherit' });
    const verifying: number[] = [];
    for (let n = 0; n < REPETITIONS; n++) verifying.push(await verifyAll(folder));
    const peakRssMb = process.resourceUsage().maxRSS / 1024;
    const hashing = verifying.map(() => hashAll(folder));
    return {
      entriesPerSecond: round(ENTRIES / median(verifying)),
      ratioVsHashOnly: round(median(verifying.map((seconds, n) => (hashing[n] ?? Number.NaN) / seconds))),
      peakRssMb: round(peakRssMb),
      entries: ENTRIES,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
