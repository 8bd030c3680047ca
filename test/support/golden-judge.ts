/** Golden logs judged as the library does it, from memory, and as the command line does it: from folders, in words and exit codes. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Io } from '../../server/cli/io.ts';
import { main } from '../../server/cli/main.ts';
import { nodeTools } from '../../server/cli/verify-log.ts';
import { judgeSource, type Verified } from '../../server/verify/log.ts';
import { exportSource, type LogSource } from '../../server/verify/source.ts';
import type { VerifyTools } from '../../server/verify/tools.ts';
import type { Refused } from '../../server/verify/words.ts';
import { systemWorld } from '../../server/world.ts';
import { newFolder } from './folder.ts';
import { type Change, changedFiles, readChange } from './golden-change.ts';
import { filesOf, type GoldenLog, type LogFiles, readGolden, writeFiles } from './golden-log.ts';

type Teardown = { teardown(act: () => Promise<void>): void };

export const WHOLE = 'whole-opening-with-one-failed-decryption';
/** The true ledger's key: what a person would have from elsewhere. */
export const TRUST = readGolden('ledger').vkey;

export type Bench = {
  readonly folder: string;
  /** Writes the log of a valid/ or invalid/ file, once; its folder. */
  place(kind: 'valid' | 'invalid', name: string): Promise<string>;
};

export async function goldenBench(t: Teardown): Promise<Bench> {
  const folder = await newFolder(t, 'golden');
  await mkdir(folder);
  const placed = new Map<string, Promise<string>>();
  return {
    folder,
    place(kind, name) {
      const path = join(folder, kind, name);
      const written = placed.get(path) ?? writeFiles(goldenFiles(kind, name), path);
      placed.set(path, written);
      return written;
    },
  };
}

/** The files of a golden log, changed where its file describes a change. */
export function goldenFiles(kind: 'valid' | 'invalid', name: string): LogFiles {
  const log = readChange(kind, name) as Change | GoldenLog;
  return 'entries' in log ? filesOf(log) : changedFiles(log);
}

/** An export that lies in memory. */
export function memorySource(files: LogFiles): LogSource {
  async function* list() {
    for (const path of files.keys()) yield { path, isFile: true };
  }
  return exportSource('memory', async (path) => files.get(path) ?? null, list);
}

/** Judges a golden log as its own file says it is to be judged. */
export async function judge(
  kind: 'valid' | 'invalid',
  name: string,
  tools: VerifyTools = nodeTools,
): Promise<Verified | Refused> {
  const { verify } = readChange(kind, name);
  return judgeSource(tools, memorySource(goldenFiles(kind, name)), {
    requireAllDisclosures: true,
    ...(verify?.trust && { trust: TRUST }),
    ...(verify?.ledger !== undefined && { ledger: memorySource(goldenFiles('valid', verify.ledger)) }),
  });
}

/** Runs the command line in this process. */
export async function runCli(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const lines = { out: [] as string[], err: [] as string[] };
  const io: Io = {
    out: (line) => void lines.out.push(line),
    err: (line) => void lines.err.push(line),
    world: systemWorld,
    fetch,
    askSecret: () => Promise.reject(new Error('nobody is asked')),
  };
  const code = await main(argv, io);
  return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
}
