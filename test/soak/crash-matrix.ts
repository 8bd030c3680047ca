/** The crash matrix: at every step of a scripted opening the platform is struck in one way, and for each way everything is checked. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { appendLeaves, EMPTY_RANGE, rangeRoot } from '../../server/core/log/merkle.ts';
import { sha256 } from '../../server/hash.ts';
import { type TestDatabase, testDb } from '../support/database.ts';
import { lineTo } from '../support/line.ts';
import { startServer } from '../support/server-process.ts';
import { chanceOf } from './chance.ts';
import { type CrashRow, crashRun } from './crash-run.ts';
import { CEREMONY } from './crash-script.ts';
import { FAULT_POINTS, type FaultPoint } from './fault-points.ts';
import type { Town } from './people.ts';
import { PLATFORM } from './platform.ts';

type Teardown = { teardown(act: () => Promise<void>): void };

/** `isStruck` chooses the steps at which it happens; all of them in the full matrix. */
export type MatrixSetting = {
  readonly t: Teardown;
  readonly town: Town;
  readonly isStruck?: (step: string) => boolean;
};

async function stageOf({ t }: MatrixSetting): Promise<{ database: TestDatabase; dataFolder: string }> {
  const database = await testDb(t, 2);
  const dataFolder = await mkdtemp(join(tmpdir(), 'kaibiao-crash-'));
  t.teardown(() => rm(dataFolder, { recursive: true, force: true }));
  return { database, dataFolder };
}

/** SIGKILL of the whole process as soon as it comes to this point. */
export async function killedAt(point: FaultPoint, setting: MatrixSetting): Promise<CrashRow> {
  const { database, dataFolder } = await stageOf(setting);
  const { isStruck, town } = setting;
  const blow = { name: point, point };
  const about = {
    target: database.app,
    sql: database.superuser,
    dataFolder,
    town,
    openingId: `crash-${point.replace('_', '-')}`,
  };
  return crashRun({ ...about, blow, ...(isStruck && { isStruck }) });
}

/** The line to the database is cut: every connection at once, or just when the database says that it has committed. */
export async function cutOff(
  how: 'line_cut' | 'commit_answer_lost',
  setting: MatrixSetting,
): Promise<CrashRow & { readonly cuts: number }> {
  const { database, dataFolder } = await stageOf(setting);
  const { isStruck, town, t } = setting;
  const line = await lineTo(t, database.app);
  let cuts = 0;
  const befall = (): void => {
    const isCut = how === 'line_cut' ? Promise.resolve(line.cut()) : line.cutBefore('COMMIT\0');
    void isCut.then(() => {
      cuts += 1;
    });
  };
  const about = { target: line.place, sql: database.superuser, dataFolder, town, openingId: how.replaceAll('_', '-') };
  return { ...(await crashRun({ ...about, blow: { name: how, befall }, ...(isStruck && { isStruck }) })), cuts };
}

const HOUR_MS = 3_600_000;
/** How the clock is set: ever an hour on, or an hour back and at the next step on again; under the server's eyes, or while it is down. */
export const CLOCK_JUMPS = ['on', 'back_and_on', 'on_while_down', 'back_and_on_while_down'] as const;

/** The clock is set by an hour: nothing on the log goes back, no window loses or gains a moment, an hour passed over is an outage. */
export async function clockJumps(how: (typeof CLOCK_JUMPS)[number], setting: MatrixSetting): Promise<CrashRow> {
  const { database, dataFolder } = await stageOf(setting);
  const { town } = setting;
  let isBehind = false;
  const by = (): number => {
    isBehind = how.startsWith('back') && !isBehind;
    return isBehind ? -HOUR_MS : HOUR_MS;
  };
  // What an hour passed over is late for good; across the deadline two people resume, and it is sealed.
  const isTooEarly = (step: string): boolean =>
    [...CEREMONY, 'PublishOpening'].includes(step) ||
    (!how.startsWith('back') && ['LodgeBid', 'OpenCheckIn', 'CheckIn'].includes(step));
  const isStruck = (step: string): boolean => !isTooEarly(step) && setting.isStruck?.(step) !== false;
  const about = {
    target: database.app,
    sql: database.superuser,
    dataFolder,
    town,
    openingId: how.replaceAll('_', '-'),
  };
  const jump = { isDead: how.endsWith('while_down'), by };
  return crashRun({ ...about, blow: { name: `clock_${how}`, jump }, isStruck });
}

const SMALL_DISK = 'size=256k';
const FILLER_BYTES = 4_096;

/**
 * The disk of the guard's journal is full; then room is made and the server started anew, for a guard that could not write signs
 * nothing more.
 *
 * Returns: null where no small disk can be made, for which one must be root.
 */
export async function diskFull(setting: MatrixSetting): Promise<CrashRow | null> {
  const { database, dataFolder } = await stageOf(setting);
  const { isStruck, town, t } = setting;
  const folder = join(dataFolder, 'small');
  await mkdir(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', SMALL_DISK, 'none', folder], { stdio: 'ignore' });
  } catch (error) {
    if (!(error instanceof Error && ('status' in error || 'code' in error))) throw error;
    return null;
  }
  t.teardown(async () => void execFileSync('umount', ['-l', folder]));
  let fillers = 0;
  async function fill(): Promise<void> {
    for (;;) {
      try {
        await writeFile(join(folder, `filler-${fillers++}`), Buffer.alloc(FILLER_BYTES));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
        throw error;
      }
    }
  }
  async function makeRoom(): Promise<void> {
    for (; fillers > 0; fillers--) await rm(join(folder, `filler-${fillers - 1}`), { force: true });
  }
  const about = { target: database.app, sql: database.superuser, dataFolder: folder, town, openingId: 'disk-full' };
  const blow = {
    name: 'disk_full',
    befall: fill,
    async heal(process: { kill(): Promise<void> }) {
      await process.kill();
      await makeRoom();
    },
  };
  const row = await crashRun({ ...about, blow, ...(isStruck && { isStruck }) });
  await makeRoom();
  return row;
}

/** Entries that the copy of the database lacks. */
const ENTRIES_LOST = 20;

/**
 * A database that was put back to what it was so many entries ago, under a guard that remembers.
 *
 * Returns: what `kaibiao serve` prints and answers at /readyz, and how many heads were signed by it.
 */
export async function restoredBackup(
  setting: MatrixSetting,
): Promise<{ readonly printed: string; readonly ready: string; readonly signed: number }> {
  const { database, dataFolder } = await stageOf(setting);
  const { town, t } = setting;
  const { app, superuser } = database;
  await crashRun({ target: app, sql: superuser, dataFolder, town, openingId: 'restored', blow: { name: 'none' } });
  // As a backup taken then would hold it: the log as it stood, and nothing of what came after.
  await superuser.begin(async (tx) => {
    const [log] = await tx<{ origin: string; size: number }[]>`SELECT origin, size FROM logs WHERE kind = 'opening'`;
    const [head] = await tx<{ size: number }[]>`
      SELECT size FROM checkpoints WHERE origin = ${log?.origin ?? ''} AND size <= ${(log?.size ?? 0) - ENTRIES_LOST}
      ORDER BY size DESC LIMIT 1`;
    if (log === undefined || head === undefined) throw new Error('there is nothing to put back to');
    await tx`SET LOCAL session_replication_role = replica`;
    const leaves = await tx<{ hash: Uint8Array }[]>`
      SELECT leaf_hash AS hash FROM entries WHERE origin = ${log.origin} AND seq < ${head.size} ORDER BY seq`;
    const range = appendLeaves(
      sha256,
      EMPTY_RANGE,
      leaves.map(({ hash }) => hash),
    );
    const [frontier, root] = [joinBytes(...range.hashes), rangeRoot(sha256, range)];
    await tx`UPDATE logs SET size = ${head.size}, frontier = ${frontier}, root = ${root} WHERE origin = ${log.origin}`;
    for (const table of ['entries', 'disclosures'])
      await tx`DELETE FROM ${tx(table)} WHERE origin = ${log.origin} AND seq >= ${head.size}`;
    await tx`DELETE FROM checkpoints WHERE origin = ${log.origin} AND size > ${head.size}`;
  });
  const heads = async (): Promise<number> => {
    const [found] = await superuser<{ count: number }[]>`SELECT count(*)::int AS count FROM checkpoints`;
    return found?.count ?? 0;
  };
  const before = await heads();
  const server = await startServer(t, {
    DATABASE_URL: database.appUrl,
    KAIBIAO_DATA: dataFolder,
    KAIBIAO_PLATFORM: PLATFORM,
    KAIBIAO_PORT: '0',
    KAIBIAO_HEAD_PERIOD_MS: '50',
  });
  const ready = await (await fetch(`${server.url}/readyz`)).text();
  await server.stop();
  return { printed: server.output(), ready, signed: (await heads()) - before };
}

/** Strikes some of the steps, drawn from a seed. */
export function someSteps(seed: string, share: number): (step: string) => boolean {
  return (step) => chanceOf(`${seed}/${step}`).happens(share);
}

type Row = (setting: MatrixSetting) => Promise<unknown>;

/** All rows by name, in their order. */
export const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ...FAULT_POINTS.map((point): [string, Row] => [point, (setting) => killedAt(point, setting)]),
  ...(['line_cut', 'commit_answer_lost'] as const).map((how): [string, Row] => [
    how,
    (setting) => cutOff(how, setting),
  ]),
  ...CLOCK_JUMPS.map((how): [string, Row] => [`clock_${how}`, (setting) => clockJumps(how, setting)]),
  [
    'disk_full',
    async (setting) => (await diskFull(setting)) ?? { blow: 'disk_full', skipped: 'only root can mount a small disk' },
  ],
  [
    'restored_backup',
    async (setting) => {
      const { printed, ready, signed } = await restoredBackup(setting);
      const said = printed.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
      return { blow: 'restored_backup', said, ready, signed };
    },
  ],
]);
