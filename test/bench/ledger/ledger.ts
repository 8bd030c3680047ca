/** Bench `ledger`: 60 openings whose heads change all the time, two cosigners as processes; how long a head waits for both, and what the openings pay for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ledgerOrigin, openingOrigin } from '../../../server/core/log/origin.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import {
  type CosignerPolicy,
  cosignerPolicyOf,
  NO_COSIGNERS,
  quorumOf,
} from '../../../server/ledger/cosigner-policy.ts';
import { type Ledger, openLedger } from '../../../server/ledger/ledger.ts';
import { settleAll } from '../../../server/recorder/settle-log.ts';
import { openSigner, type Signer } from '../../../server/recorder/signer.ts';
import { packageRoot } from '../../../server/root.ts';
import { startCluster } from '../../../server/store/cluster.ts';
import { connect, type Database, makeDatabase } from '../../../server/store/connect.ts';
import { migrateUp } from '../../../server/store/migrate.ts';
import { systemWorld } from '../../../server/world.ts';
import { appendSome, begin, PLATFORM } from '../../support/signed-log.ts';
import { type Figures, median, percentile, round } from '../measure.ts';

const OPENINGS = 60;
/** How long each of the two ways is measured, one right behind the other, so that both see the same machine. */
const STRETCH_MS = 5_000;
const SMALL_STRETCH_MS = 2_000;
const PAIRS = 8;
const SMALL_PAIRS = 3;
/** A sampled head that is not cosigned by then fails the bench: leaving it out would leave out the slowest. */
const LONGEST_WAIT_MS = 15_000;
const HEAD_PERIOD_MS = 1_000;
const LOOK_PERIOD_MS = 100;
const BIN = join(packageRoot, 'server/cli/bin.mjs');

type Cosigner = { readonly vkey: string; readonly url: string; readonly child: ChildProcess };

const run = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [BIN, 'cosign', ...args], { stdio: ['ignore', 'pipe', 'inherit'], env: {} });

async function linesOf(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  if (child.stdout !== null)
    for await (const line of createInterface({ input: child.stdout })) if (lines.push(line) === count) return lines;
  throw new Error(`a cosigner ended with ${lines.length} lines`);
}

async function startCosigner(folder: string, name: string, ledgerVkey: string): Promise<Cosigner> {
  await linesOf(run('init', folder, '--name', name), 1);
  await linesOf(run('enrol', folder, ledgerVkey), 1);
  const child = run('serve', folder, '--port', '0');
  const [vkey = '', url = ''] = await linesOf(child, 2);
  return { vkey, url, child };
}

function policyOf(cosigners: readonly Cosigner[]): CosignerPolicy {
  const lines = cosigners.map(({ vkey, url }, n) => `witness w${n} ${vkey} ${url}`);
  const names = cosigners.map((_, n) => `w${n}`).join(' ');
  return cosignerPolicyOf(utf8(`${lines.join('\n')}\ngroup all-of-them all ${names}\nquorum all-of-them\n`));
}

/** Every opening grows by one entry after the other for a while, and the ledger takes their heads. Returns: entries a second. */
async function growAll(database: Database, signer: Signer, origins: readonly string[], ms: number): Promise<number> {
  const until = performance.now() + ms;
  let count = 0;
  await Promise.all(
    origins.map(async (origin) => {
      while (performance.now() < until) {
        await appendSome(database.sql, signer, origin);
        count += 1;
      }
    }),
  );
  return (count * 1000) / ms;
}

export async function benchLedger(): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-bench-'));
  const cluster = await startCluster({ folder: join(folder, 'postgres'), isDurable: true });
  const cosigners: Cosigner[] = [];
  const [stretchMs, pairs] = process.argv.includes('--small') ? [SMALL_STRETCH_MS, SMALL_PAIRS] : [STRETCH_MS, PAIRS];
  try {
    const { owner, app } = await makeDatabase(cluster, 'bench');
    await migrateUp(owner);
    const database = await connect(app, 12);
    const signer = await openSigner(folder, PLATFORM);
    await settleAll(database.sql, signer);
    const vkey = signer.vkeyOf(ledgerOrigin(PLATFORM), 'ledger');
    for (const name of ['one.test/1', 'two.test/1'])
      cosigners.push(await startCosigner(join(folder, name.slice(0, 3)), name, vkey));
    const policy = policyOf(cosigners);
    const origins = Array.from({ length: OPENINGS }, (_, n) => openingOrigin(PLATFORM, `bench-${n}`));
    for (const origin of origins) await begin(database.sql, origin);
    const faults: unknown[] = [];
    const open = (cosigned: boolean): Promise<Ledger> =>
      openLedger({
        database,
        signer,
        world: systemWorld,
        platform: PLATFORM,
        batchPeriodMs: 10_000,
        headPeriodMs: HEAD_PERIOD_MS,
        onFault: (error) => faults.push(error),
        cosigning: {
          policy: cosigned ? policy : NO_COSIGNERS,
          fetch,
          onAlarm: async ({ code }) => void faults.push(new Error(code)),
          onClaim: async ({ code }) => void faults.push(new Error(code)),
          onTrouble: (name, why) => void (why !== null && faults.push(new Error(`${name}: ${why}`))),
        },
      });
    await growAll(database, signer, origins, stretchMs / 2);
    const waits: number[] = [];
    async function rateWhen(cosigned: boolean): Promise<number> {
      const ledger = await open(cosigned);
      const watching = watch(database, policy, signer, origins);
      const rate = await growAll(database, signer, origins, stretchMs);
      const seen = await watching.end(cosigned);
      if (cosigned) waits.push(...seen);
      await ledger.close();
      return rate;
    }
    const slowdowns: number[] = [];
    const rates: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      // off on, on off, off on: neither always goes first
      const first = await rateWhen(pair % 2 === 1);
      const second = await rateWhen(pair % 2 === 0);
      const [on, off] = pair % 2 === 1 ? [first, second] : [second, first];
      slowdowns.push((1 - on / off) * 100);
      rates.push(on);
    }
    if (faults.length > 0) throw faults[0];
    await signer.close();
    await database.close();
    return {
      cosignedP99Ms: round(percentile(waits, 0.99)),
      cosignedP50Ms: round(median(waits)),
      slowdownPercent: round(median(slowdowns)),
      slowdownErrorPercent: round(errorOfMedian(slowdowns)),
      entriesPerSecond: round(median(rates)),
      headsMeasured: waits.length,
    };
  } finally {
    for (const { child } of cosigners) child.kill();
    await cluster.leave();
    await rm(folder, { recursive: true, force: true });
  }
}

/** How far chance alone moves a median, from the spread of the values in the middle: about one standard error. */
const errorOfMedian = (values: readonly number[]): number =>
  (percentile(values, 0.75) - percentile(values, 0.25)) / Math.sqrt(values.length);

/**
 * Samples a head of each opening, again and again — with cosigning off too, since looking costs as much —, and waits until it is cosigned by both: from the instant the head was let out to the one at which the
 * second signature is stored.
 */
function watch(database: Database, policy: CosignerPolicy, signer: Signer, origins: readonly string[]) {
  const { quorum, vkeys } = quorumOf(policy);
  const waits: number[] = [];
  const noted: { origin: string; size: number; at: number }[] = [];
  let isOver = false;
  async function look(): Promise<void> {
    const before = Date.now();
    for (const origin of isOver ? [] : origins) {
      const size = signer.released(origin)?.size ?? 0;
      if (!noted.some((head) => head.origin === origin)) noted.push({ origin, size, at: before });
    }
    const rows = await database.sql<{ origin: string; size: number; at: number }[]>`
      SELECT w.origin, w.size, min(c.at) AS at
      FROM unnest(${noted.map(({ origin }) => origin)}::text[], ${noted.map(({ size }) => size)}::bigint[]) AS w (origin, size)
      JOIN LATERAL (SELECT ledger_seq FROM ledger_heads h WHERE h.origin = w.origin AND h.size >= w.size ORDER BY h.size LIMIT 1) h ON true
      JOIN LATERAL (SELECT max(received_at) AS at FROM cosignatures WHERE size > h.ledger_seq AND vkey = ANY (${[...vkeys]}::text[])
        GROUP BY size HAVING count(*) >= ${quorum} ORDER BY size LIMIT 1) c ON true
      GROUP BY w.origin, w.size`;
    for (const { origin, size, at } of rows) {
      const index = noted.findIndex((head) => head.origin === origin && head.size === size);
      const [head] = noted.splice(index, 1);
      if (head !== undefined) waits.push(at - head.at);
    }
  }
  const looking = (async () => {
    while (!isOver) {
      await look();
      await new Promise((again) => setTimeout(again, LOOK_PERIOD_MS));
    }
  })();
  return {
    /** Samples no more; `toTheLast` waits for every sampled head. */
    async end(toTheLast: boolean): Promise<number[]> {
      isOver = true;
      await looking;
      const until = Date.now() + LONGEST_WAIT_MS;
      while (toTheLast && noted.length > 0) {
        if (Date.now() > until) throw new Error(`${noted.length} heads were not cosigned within ${LONGEST_WAIT_MS} ms`);
        await look();
        await new Promise((again) => setTimeout(again, LOOK_PERIOD_MS));
      }
      return waits;
    },
  };
}
