/** `kaibiao demo`: a real opening from beginning to end, on a real server and database, with bidders as processes of their own. */

import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../../config.ts';
import { formatInstant } from '../../core/log/instant.ts';
import { ledgerOrigin, openingOrigin } from '../../core/log/origin.ts';
import { parsePolicy, type TlogPolicy } from '../../core/log/policy-file.ts';
import { utf8 } from '../../core/log/utf8.ts';
import { sha256 } from '../../hash.ts';
import { isCosignedIn } from '../../ledger/cosigned-openings.ts';
import { start } from '../../main.ts';
import { packageRoot } from '../../root.ts';
import { withKeyring } from '../../signer/signing.ts';
import { openDatabase } from '../../store/connect.ts';
import type { Sql } from '../../store/driver.ts';
import { findStampedHead, type StampedHead } from '../../store/timestamps.ts';
import type { Verified } from '../../verify/log.ts';
import { systemWorld } from '../../world.ts';
import { bundleOpening } from '../bundle/own-bundle.ts';
import { exportLog } from '../export-log.ts';
import { folderSource } from '../log-source.ts';
import { verifySource } from '../verify-log.ts';
import type { BidderTask } from './bidder.ts';
import { startDemoCosigners } from './cosigners.ts';
import { BIDDERS, type Cast, openCast } from './people.ts';
import { conduct, letOfficialsIn, publish, type Stage } from './script.ts';
import { startDemoTsa } from './tsa.ts';

const PLATFORM = 'demo.kaibiao.localhost';
const BIN = join(packageRoot, 'server/cli/bin.mjs');
/** Openings of the demo are told apart by the second they began in: a browser that saw an earlier one rightly refuses another log under its id. */
const OPENING_PREFIX = 'g312-zhangye';
const ANCHOR_TRIES = 60;
const ANCHOR_PAUSE_MS = 250;
/** 2 s at most: the dummies are revealed every second, and a demo that goes on without them has lost little. */
const REVEAL_TRIES = 8;

const options = {
  once: { type: 'boolean', default: false },
  out: { type: 'string' },
  port: { type: 'string' },
} as const;

/** Runs the demo. Returns: the exit code; without `--once` it stays up until it is interrupted. */
export async function runDemo(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options });
  const home = join(tmpdir(), `kaibiao-demo-${process.pid}`);
  await mkdir(home, { recursive: true });
  const startedAt = systemWorld.now();
  const say = (who: string, line: string): void => {
    const seconds = ((systemWorld.now() - startedAt) / 1000).toFixed(1).padStart(5);
    process.stdout.write(`${seconds} s  ${who.padEnd(14)} ${line}\n`);
  };
  const opened: { close(): Promise<void> }[] = [];
  try {
    const cast = await openCast(join(home, 'people'), startedAt);
    const tsa = await startDemoTsa(join(home, 'tsa'));
    opened.push(tsa);
    const cosigners = await startDemoCosigners(join(home, 'cosigners'), {
      dataFolder: join(home, 'server'),
      name: PLATFORM,
    });
    opened.push(cosigners);
    process.stdout.write(`\n${cosigners.policy}`);
    const port = values.port ?? (values.once ? '0' : '8600');
    const config = demoConfig(home, cast, { authorities: tsa.authoritiesFile, policy: cosigners.policyFile }, port);
    const running = await start(config, systemWorld);
    opened.push(running);
    const openingId = `${OPENING_PREFIX}-${Math.floor(startedAt / 1000)}`;
    const address = `${running.url}/openings/${openingId}`;
    process.stdout.write(`\n  ${address}\n\n`);
    await play({ url: running.url, cast, workFolder: join(home, 'desks'), openingId, say }, home);
    const folder = resolve(values.out ?? join(home, 'export'));
    await exportAndVerify(config, running.url, openingId, folder, cosigners.policy);
    if (values.out !== undefined) process.stdout.write(`exported to ${folder}\n`);
    if (!values.once) await untilInterrupted(address);
    return 0;
  } finally {
    for (const each of opened.reverse()) await each.close();
    await rm(home, { recursive: true, force: true });
  }
}

function demoConfig(home: string, cast: Cast, files: { authorities: string; policy: string }, port: string) {
  return readConfig({
    KAIBIAO_DATA: join(home, 'server'),
    KAIBIAO_PLATFORM: PLATFORM,
    KAIBIAO_PORT: port,
    KAIBIAO_LOG_LEVEL: 'warn',
    KAIBIAO_FIRST_ANCHORS: cast.anchorsFile,
    KAIBIAO_FIRST_OPERATOR: cast.operatorFile,
    KAIBIAO_REGISTER_BATCH_PERIOD_MS: '5000',
    KAIBIAO_TIMESTAMP_AUTHORITIES: files.authorities,
    KAIBIAO_COSIGNER_POLICY: files.policy,
  });
}

async function play(stage: Stage, home: string): Promise<void> {
  const { url, openingId, cast, say } = stage;
  await cast.makeEveryone();
  const officials = await letOfficialsIn(stage);
  await publish(stage, officials);
  const bidders = BIDDERS.map((bidder, index) =>
    bidderProcess(
      {
        url,
        openingId,
        keyFolder: cast.bidderFolder(index),
        decryptionKeyFolder: cast.decryptionFolder(index),
        workFolder: join(home, 'bidders', String(index + 1)),
        bidder,
        thinkMs: 1_500 * index + 500,
        replaces: index === 1,
      },
      (line) => say(`bidder ${index + 1}`, line),
    ),
  );
  await Promise.all([conduct(stage, officials), ...bidders]);
}

/** A bidder's own process: it has the address of the platform and its own keys, nothing else. */
async function bidderProcess(task: BidderTask, say: (line: string) => void): Promise<void> {
  await mkdir(task.workFolder, { recursive: true });
  const child = spawn(process.execPath, [BIN, 'demo-bidder', JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {},
  });
  createInterface({ input: child.stdout }).on('line', say);
  await new Promise<void>((done, fail) => {
    child.on('error', fail);
    child.on('exit', (code) => (code === 0 ? done() : fail(new Error(`a bidder's process ended with ${code}`))));
  });
}

/** Exports the opening and the ledger, and judges both from the folders alone. */
async function exportAndVerify(
  config: Config,
  url: string,
  openingId: string,
  folder: string,
  policyText: string,
): Promise<void> {
  const policy = parsePolicy(sha256, utf8(policyText));
  const { platform, ledger } = await readKeys(url);
  const opening = openingOrigin(platform, openingId);
  const openingFolder = join(folder, 'logs', 'opening', openingId);
  const ledgerFolder = join(folder, 'logs', 'ledger');
  const evidence = join(folder, 'evidence.zip');
  const database = await openDatabase(config);
  let stamped: StampedHead;
  try {
    const { sql } = database;
    await untilAnchored(sql, opening);
    await untilCosigned(sql, { ledger: ledgerOrigin(platform), origin: opening }, policy);
    stamped = await untilStamped(sql, opening);
    await untilRevealed(sql);
    const vkey = await (await fetch(`${url}/logs/opening/${openingId}/vkey`)).text();
    await exportLog(sql, { origin: opening, vkey: vkey.trim(), folder: openingFolder, ledger });
    await exportLog(sql, { ...ledger, folder: ledgerFolder, ledger: null });
    await withKeyring(config, systemWorld, (keyring) =>
      bundleOpening(config, keyring, sql, { openingId, place: evidence, mayBeOpen: false }),
    );
  } finally {
    await database.close();
  }
  const verified = await judge(openingFolder, ledger.vkey, policy);
  const anchored = await judge(ledgerFolder, ledger.vkey, policy);
  process.stdout.write(`verified opening=${openingId} entries=${verified.entries} root=${verified.root}\n`);
  process.stdout.write(`evidence bundle=${evidence}\n`);
  process.stdout.write(`verified ledger=${anchored.origin} entries=${anchored.entries} root=${anchored.root}\n`);
  process.stdout.write(`${anchored.cosigned}\n`);
  const { timestamp, size } = stamped;
  const by = `${timestamp.authority} at ${formatInstant(timestamp.stampedAt)}, revocation ${timestamp.revocation}`;
  process.stdout.write(`time-stamped opening=${openingId} entries=${size} by ${by}\n`);
  const { revealed, taken } = anchored.batches ?? { revealed: 0, taken: 0 };
  process.stdout.write(`${revealed} of ${taken} register batches revealed\n`);
}

async function readKeys(url: string): Promise<{ platform: string; ledger: { origin: string; vkey: string } }> {
  const answer = await fetch(`${url}/platform`);
  return (await answer.json()) as { platform: string; ledger: { origin: string; vkey: string } };
}

/** The ledger takes changed heads every second; the last one must be in before the export. */
async function untilAnchored(sql: Sql, origin: string): Promise<void> {
  for (let tries = 0; tries < ANCHOR_TRIES; tries++) {
    const [found] = await sql`SELECT 1 FROM ledger_heads h JOIN logs l ON l.origin = h.origin AND l.size = h.size
      WHERE l.origin = ${origin}`;
    if (found !== undefined) return;
    await new Promise<void>((done) => systemWorld.after(ANCHOR_PAUSE_MS, done));
  }
  throw new Error(`the ledger did not take the last head of ${origin}`);
}

/** The opening's last head stands under a head of the ledger that all cosigners signed. */
async function untilCosigned(
  sql: Sql,
  { ledger, origin }: { readonly ledger: string; readonly origin: string },
  { witnesses }: TlogPolicy,
): Promise<void> {
  const isCosigned = isCosignedIn(ledger);
  const vkeys = witnesses.map(({ vkey }) => vkey);
  for (let tries = 0; tries < ANCHOR_TRIES; tries++) {
    const [last] = await sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
    const quorum = { quorum: vkeys.length, vkeys };
    if (last !== undefined && (await isCosigned(sql, { origin, size: last.size }, quorum))) return;
    await new Promise<void>((done) => systemWorld.after(ANCHOR_PAUSE_MS, done));
  }
  throw new Error(`the last head of ${origin} was not cosigned`);
}

/** The last head of an opening is stamped as soon as the ledger has it. */
async function untilStamped(sql: Sql, origin: string): Promise<StampedHead> {
  for (let tries = 0; tries < ANCHOR_TRIES; tries++) {
    const found = await findStampedHead(sql, origin);
    const [last] = await sql<{ size: number }[]>`SELECT size FROM logs WHERE origin = ${origin}`;
    if (found !== null && found.size === last?.size) return found;
    await new Promise<void>((done) => systemWorld.after(ANCHOR_PAUSE_MS, done));
  }
  throw new Error(`the last head of ${origin} was not time-stamped`);
}

/** The opening is over, so the places in its batches that nobody stood behind may be shown; the ledger does it a few at a time. */
async function untilRevealed(sql: Sql): Promise<void> {
  for (let tries = 0; tries < REVEAL_TRIES; tries++) {
    const waiting = await sql`SELECT 1 FROM register_batch_members m
      WHERE NOT EXISTS (SELECT 1 FROM register_reveals r WHERE r.batch = m.batch) LIMIT 1`;
    if (waiting.length === 0) return;
    await new Promise<void>((done) => systemWorld.after(ANCHOR_PAUSE_MS, done));
  }
}

async function judge(folder: string, trust: string, policy: TlogPolicy): Promise<Verified> {
  const judged = await verifySource(folderSource(folder), { trust, policy, requireAllDisclosures: true });
  if (!judged.ok)
    throw new Error(`${folder} does not verify: ${judged.reason} — ${judged.words.en} ${judged.detail ?? ''}`);
  return judged;
}

async function untilInterrupted(address: string): Promise<void> {
  process.stdout.write(`\nThe opening is over and the server stays up: ${address} (Ctrl-C ends it)\n`);
  await new Promise<void>((done) => {
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
}
