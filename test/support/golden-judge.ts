/** Golden logs judged as the library does it and as the command line does: from folders, in words and exit codes. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Io } from '../../server/cli/io.ts';
import { folderSource, type LogSource } from '../../server/cli/log-source.ts';
import { main } from '../../server/cli/main.ts';
import { type Refused, type Verified, verifySource } from '../../server/cli/verify-log.ts';
import { systemWorld } from '../../server/world.ts';
import { newFolder } from './folder.ts';
import { type Change, changedFiles, readChange } from './golden-change.ts';
import { filesOf, type GoldenLog, readGolden, writeFiles } from './golden-log.ts';

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
      const log = readChange(kind, name) as Change | GoldenLog;
      const written = placed.get(path) ?? writeFiles('entries' in log ? filesOf(log) : changedFiles(log), path);
      placed.set(path, written);
      return written;
    },
  };
}

/** Judges a golden log as its own file says it is to be judged. */
export async function judge(bench: Bench, kind: 'valid' | 'invalid', name: string): Promise<Verified | Refused> {
  const { verify } = readChange(kind, name);
  const source = folderSource(await bench.place(kind, name));
  const ledger: LogSource | null =
    verify?.ledger === undefined ? null : folderSource(await bench.place('valid', verify.ledger));
  return verifySource(source, {
    requireAllDisclosures: true,
    ...(verify?.trust && { trust: TRUST }),
    ...(ledger !== null && { ledger }),
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
