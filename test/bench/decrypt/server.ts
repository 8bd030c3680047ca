/** The server of bench `decrypt`, a process of its own: the whole of it composed and idle but for its vault pool, which opens what it is told to. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { readConfig } from '../../../server/config.ts';
import { fromBase64Url } from '../../../server/core/log/base64.ts';
import { createLogger } from '../../../server/http/diagnostics.ts';
import { start } from '../../../server/main.ts';
import type { Promised } from '../../../server/vault/judgement.ts';
import { startVaultPool } from '../../../server/vault/pool.ts';
import { systemWorld } from '../../../server/world.ts';

export type BidToOpen = { readonly path: string; readonly cek: string; readonly promised: Promised };

export type ServerOrder =
  | { readonly do: 'start'; readonly dataFolder: string; readonly workers: number }
  | { readonly do: 'open'; readonly bids: readonly BidToOpen[] };

export type ServerReport = {
  readonly seconds: number;
  /** Of the whole process since it started. */
  readonly peakRssMb: number;
  readonly lagP99Ms: number;
};

const LAG_RESOLUTION_MS = 1;

let server: Awaited<ReturnType<typeof start>> | undefined;
let pool: ReturnType<typeof startVaultPool> | undefined;

async function begin(dataFolder: string, workers: number): Promise<void> {
  const config = readConfig({
    KAIBIAO_DATA: dataFolder,
    KAIBIAO_PLATFORM: 'kaibiao.bench',
    KAIBIAO_PORT: '0',
  });
  server = await start(config, systemWorld, createLogger('error'));
  const onCrash = (error: Error): never => {
    throw error;
  };
  // The server's own pool stays without threads, as nothing asks it: this one stands in its place.
  pool = startVaultPool({ workers, queueLimit: 1_000, onCrash });
  pool.warm();
}

async function open(bids: readonly BidToOpen[]): Promise<ServerReport> {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();
  const startedAt = performance.now();
  const results = await Promise.all(
    bids.map(({ path, cek, promised }) => {
      const ticket = pool?.open({ path, cek: fromBase64Url(cek), promised });
      if (ticket === undefined || 'refused' in ticket) throw new Error('the pool takes no more');
      return ticket.done;
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  lag.disable();
  for (const result of results) if (!result.ok) throw new Error(`${result.failure}: ${result.detail}`);
  const lagP99Ms = lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS;
  return { seconds, peakRssMb: process.resourceUsage().maxRSS / 1024, lagP99Ms: Math.max(0, lagP99Ms) };
}

process.on('message', async (order: ServerOrder) => {
  if (order.do === 'open') process.send?.(await open(order.bids));
  else {
    await begin(order.dataFolder, order.workers);
    process.send?.({ seconds: 0, peakRssMb: 0, lagP99Ms: 0 } satisfies ServerReport);
  }
});
process.on('disconnect', async () => {
  await pool?.close();
  await server?.close();
});
