/** Bench `decrypt`: twenty envelopes opened by the server's vault with all cores, against `openssl cms -decrypt` of the same files; then one of 5 GiB. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../server/root.ts';
import { type Child, startChild } from '../child.ts';
import { type Figures, median, REPETITIONS, round } from '../measure.ts';
import { pooled } from '../pooled.ts';
import { RECIPIENT, RECIPIENT_KEY, sealBid } from './envelopes.ts';
import type { BidToOpen, ServerOrder, ServerReport } from './server.ts';

const MIB = 2 ** 20;

export type DecryptSize = { readonly envelopes: number; readonly mib: number; readonly largeMib: number };
const FULL: DecryptSize = { envelopes: 20, mib: 200, largeMib: 5 * 1024 };
/** For a machine with other work or a small disk: says whether it works, not how fast it is. */
const SMALL: DecryptSize = { envelopes: 4, mib: 32, largeMib: 256 };

/** The server as it is run: built, for a loader's memory is none of its own. */
function startServer(): Child<ServerOrder, ServerReport> {
  execFileSync(process.execPath, [join(packageRoot, 'test/support/emit.mjs')], { stdio: 'inherit' });
  return startChild(join(packageRoot, 'dist/js/test/bench/decrypt/server.js'), [], []);
}

/** Seconds that stock OpenSSL takes for the same files, as many at once as there are cores; what it decrypts is thrown away. */
async function referenceSeconds(bids: readonly BidToOpen[]): Promise<number> {
  const startedAt = performance.now();
  await pooled(bids, availableParallelism(), async ({ path }) => {
    const keys = ['-recip', RECIPIENT, '-inkey', RECIPIENT_KEY];
    const args = ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', path, ...keys, '-out', '/dev/null'];
    const openssl = spawn('openssl', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const code = await new Promise((ended) => openssl.on('close', ended));
    if (code !== 0) throw new Error('openssl cms -decrypt failed');
  });
  return (performance.now() - startedAt) / 1000;
}

export const benchDecrypt = (): Promise<Figures> => decrypt(process.argv.includes('--small') ? SMALL : FULL);

/**
 * Opens the envelopes as the window does (hash, key, tag, promises, opening list; nothing is written) and has OpenSSL decrypt them.
 *
 * Shape: needs envelopes × mib + largeMib of disk, and the files in the page cache for both.
 */
export async function decrypt({ envelopes, mib, largeMib }: DecryptSize): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'kaibiao-decrypt-'));
  const server = startServer();
  try {
    const bids: BidToOpen[] = [];
    for (let n = 0; n < envelopes; n++) bids.push(await sealBid(folder, `bid-${n}`, mib * MIB));
    await server.ask({ do: 'start', dataFolder: join(folder, 'data'), workers: availableParallelism() });
    await server.ask({ do: 'open', bids: bids.slice(0, 2) });

    const ours: ServerReport[] = [];
    const theirs: number[] = [];
    for (let n = 0; n < REPETITIONS; n++) {
      ours.push(await server.ask({ do: 'open', bids }));
      theirs.push(await referenceSeconds(bids));
    }
    for (const { path } of bids) await rm(path);
    const large = await sealBid(folder, 'large', largeMib * MIB);
    const one = await server.ask({ do: 'open', bids: [large] });
    return {
      ratioVsOpenssl: round(median(ours.map(({ seconds }, n) => (theirs[n] ?? Number.NaN) / seconds))),
      peakRssMb: round(one.peakRssMb),
      eventLoopLagP99Ms: round(Math.max(one.lagP99Ms, ...ours.map(({ lagP99Ms }) => lagP99Ms))),
      mibPerSecond: round((envelopes * mib) / median(ours.map(({ seconds }) => seconds))),
      opensslMibPerSecond: round((envelopes * mib) / median(theirs)),
      largeMib,
      largeMibPerSecond: round(largeMib / one.seconds),
      envelopes,
      envelopeMib: mib,
      cores: availableParallelism(),
    };
  } finally {
    await server.end();
    await rm(folder, { recursive: true, force: true });
  }
}
