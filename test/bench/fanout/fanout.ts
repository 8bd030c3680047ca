/** Bench `fanout`: 8,000 viewers of one room through the real socket code, against a plain `ws` loop and Socket.IO; server and viewers each a process. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startChild } from '../child.ts';
import { type Figures, median, REPETITIONS, round } from '../measure.ts';
import type { Order, Report } from './serve.ts';
import type { Dialect, ViewersOrder, ViewersReport } from './viewers.ts';

const SOCKETS = 8_000;
/** Sockets that come and go before memory is measured: then code is compiled and tables have grown. */
const WARM_SOCKETS = 100;
const EVENTS = 100;
const SPREAD_MS = 1_000;
/** Files a process has open beside its sockets. */
const OTHER_FILES = 100;
/** A viewer opens and rests this long until it is idle. */
const REST_MS = 1_000;

const SCRIPTS: Readonly<Record<Dialect, string>> = {
  kaibiao: 'kaibiao.ts',
  'plain-ws': 'plain-ws.ts',
  'socket-io': 'socket-io.mjs',
};

type Run = {
  readonly burstMs: number;
  readonly spreadP99Ms: number;
  readonly singleP99Ms: number;
  readonly bytesPerSocket: number;
};

const start = <Says>(script: string, nodeArgs?: readonly string[]) =>
  startChild<Order | ViewersOrder, Says>(join(import.meta.dirname, script), nodeArgs);

function pick<Says extends object, Key extends string>(
  said: Says,
  key: Key,
): Extract<Says, Record<Key, unknown>>[Key & keyof Extract<Says, Record<Key, unknown>>] {
  if (!(key in said)) throw new Error(`${JSON.stringify(said)} says nothing of ${key}`);
  return (said as Record<string, unknown>)[key] as never;
}

/** One server measured from its start to its end. */
async function measure(dialect: Dialect): Promise<Run> {
  const server = start<Report>(SCRIPTS[dialect], ['--expose-gc']);
  const viewers = start<ViewersReport>('viewers.ts');
  try {
    const port = pick(await server.next(), 'port');
    const open = (count: number) => viewers.ask({ do: 'open', dialect, port, count });
    const memory = async (): Promise<number> => {
      await wait(REST_MS);
      return pick(await server.ask({ do: 'memory' }), 'rssBytes');
    };
    let from = 1;
    /** Sends events; how long it took from the first until everyone held all, and the lags. */
    const send = async (count: number, overMs: number): Promise<{ tookMs: number; p99Ms: number }> => {
      viewers.tell({ do: 'await', from, to: from + count });
      // the viewers must know what they wait for before it comes
      await wait(100);
      const [sent, all] = await Promise.all([server.ask({ do: 'events', from, count, overMs }), viewers.next()]);
      const sentAt = pick(sent, 'sentAt');
      const p99Ms = pick(await viewers.ask({ do: 'lags', sentAt }), 'p99Ms');
      from += count;
      await wait(REST_MS);
      return { tookMs: pick(all, 'allAt') - (sentAt[0] ?? 0), p99Ms };
    };

    await open(WARM_SOCKETS);
    await viewers.ask({ do: 'close' });
    const bareBytes = await memory();
    await open(SOCKETS);
    const fullBytes = await memory();
    // both sides have seen what comes before it is measured
    await send(1, 0);
    await send(EVENTS / 10, 0);
    const single = await send(1, 0);
    const burst = await send(EVENTS, 0);
    const spread = await send(EVENTS, SPREAD_MS);
    return {
      burstMs: burst.tookMs,
      spreadP99Ms: spread.p99Ms,
      singleP99Ms: single.p99Ms,
      bytesPerSocket: (fullBytes - bareBytes) / SOCKETS,
    };
  } finally {
    await viewers.end();
    await server.end();
  }
}

/** Throws where a process may not open as many files as there are sockets. */
function checkLimit(): void {
  const said = execFileSync('sh', ['-c', 'ulimit -n']).toString().trim();
  const limit = said === 'unlimited' ? Number.POSITIVE_INFINITY : Number(said);
  if (limit < SOCKETS + OTHER_FILES)
    throw new Error(
      `fanout opens ${SOCKETS} sockets in a process, which may have ${limit} files: raise ulimit -n to ${SOCKETS + OTHER_FILES}`,
    );
}

export async function benchFanout(): Promise<Figures> {
  checkLimit();
  const runs: Record<Dialect, Run[]> = { kaibiao: [], 'plain-ws': [], 'socket-io': [] };
  for (let n = 0; n < REPETITIONS; n++)
    for (const dialect of ['kaibiao', 'plain-ws', 'socket-io'] as const) runs[dialect].push(await measure(dialect));
  const ours = runs.kaibiao;
  const of = (dialect: Dialect, key: keyof Run): number => round(median(runs[dialect].map((run) => run[key])));
  return {
    ratioVsPlainWs: round(median(ours.map((run, n) => run.burstMs / (runs['plain-ws'][n]?.burstMs ?? Number.NaN)))),
    spreadLagP99Ms: of('kaibiao', 'spreadP99Ms'),
    singleEventP99Ms: of('kaibiao', 'singleP99Ms'),
    bytesPerSocket: of('kaibiao', 'bytesPerSocket'),
    burstMs: of('kaibiao', 'burstMs'),
    plainWsBurstMs: of('plain-ws', 'burstMs'),
    plainWsSpreadLagP99Ms: of('plain-ws', 'spreadP99Ms'),
    plainWsSingleEventP99Ms: of('plain-ws', 'singleP99Ms'),
    plainWsBytesPerSocket: of('plain-ws', 'bytesPerSocket'),
    socketIoBurstMs: of('socket-io', 'burstMs'),
    socketIoSpreadLagP99Ms: of('socket-io', 'spreadP99Ms'),
    socketIoSingleEventP99Ms: of('socket-io', 'singleP99Ms'),
    socketIoBytesPerSocket: of('socket-io', 'bytesPerSocket'),
    sockets: SOCKETS,
  };
}
