/** `kaibiao monitor`: a supervisor's watch over a platform's ledger; alarms go out as JSON lines, to a webhook, and as the exit code. */
import { parseArgs } from 'node:util';
import { REPORT_PATH } from '../../core/log/head-report.ts';
import { readList, readProxy } from '../../setting.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { MonitorStopped } from '../monitor/kept-ledger.ts';
import { openMonitor, type Round } from '../monitor/monitor.ts';
import { type ReportServer, serveReports } from '../monitor/report-server.ts';
import { type Posting, postAlarms, postBeside } from '../monitor/webhook.ts';
import { acknowledgeAlarms, listAlarms, standsIn } from './monitor-alarms.ts';
import { needPositionals } from './options.ts';

const PERIOD_MS = 10_000;
const LEAST_PERIOD_S = 1;
const MOST_PERIOD_S = 3_600;

const options = {
  trust: { type: 'string' },
  folder: { type: 'string' },
  once: { type: 'boolean', default: false },
  period: { type: 'string' },
  webhook: { type: 'string' },
  listen: { type: 'string' },
  'trust-proxy': { type: 'string' },
  list: { type: 'boolean', default: false },
  acknowledge: { type: 'string', multiple: true },
  by: { type: 'string' },
  because: { type: 'string' },
} as const;

/**
 * Watches until it is told to stop, or looks once; or shows the alarms of a folder, or keeps who acknowledged them.
 *
 * Returns: 1 when the folder holds an alarm, of this run or an earlier one, that nobody has acknowledged.
 */
export async function monitor(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  const ids = values.acknowledge;
  if (values.list || ids !== undefined) {
    needPositionals(positionals, []);
    if (values.folder === undefined) throw new UsageError('It takes --folder <kept>.');
    if (ids === undefined) return listAlarms(values.folder, io);
    return acknowledgeAlarms(values.folder, ids, { by: values.by, because: values.because }, io);
  }
  needPositionals(positionals, ['ledger address']);
  const [url = ''] = positionals;
  const { trust, folder, webhook } = values;
  if (!/^https?:\/\/.+\/logs\/ledger\/?$/u.test(url)) throw new UsageError('The address ends with /logs/ledger.');
  if (trust === undefined || folder === undefined)
    throw new UsageError('It takes --trust <ledger vkey> and --folder <kept>.');
  if (webhook !== undefined && !/^https?:\/\//u.test(webhook)) throw new UsageError('--webhook takes an address.');
  const periodMs = readPeriod(values.period);
  const listen = readListen(values.listen);
  const proxies = readProxies(values['trust-proxy']);
  if (proxies.length > 0 && listen === null) throw new UsageError('--trust-proxy goes with --listen.');
  if (listen !== null && values.once)
    throw new UsageError('--listen needs a monitor that stays; it does not go with --once.');
  const stop = stopSignal(io);
  let posting: Posting | null = null;
  const opened = await openMonitor({
    url,
    trust,
    folder,
    world: io.world,
    fetch: io.fetch,
    signal: stop.signal,
    onAlarm(alarm) {
      io.out(JSON.stringify(alarm));
      posting?.wake();
    },
  }).catch((error: unknown) => {
    stop.end();
    if (error instanceof MonitorStopped) return null;
    throw error;
  });
  if (opened === null) return (await standsIn(folder)) ? EXIT.refused : EXIT.done;
  if (webhook !== undefined)
    posting = postBeside(
      () => postAlarms(opened.alarms, webhook, io),
      () => io.err(`The webhook did not take an alarm; it is sent again. · 警报未能送达，将重试：${webhook}`),
      (error) =>
        io.err(`cannot post an alarm · 无法发送警报: ${error instanceof Error ? error.message : String(error)}`),
    );
  let server: ReportServer | null = null;
  try {
    if (listen !== null) {
      server = await serveReports({ ...listen, proxies }, opened.report, io.world, (error) =>
        io.err(`cannot take a report · 无法接收树头: ${error instanceof Error ? error.message : String(error)}`),
      );
      io.err(`heads are reported at · 树头报送地址: ${server.url}${REPORT_PATH}`);
    }
    for (;;) {
      const round = await opened.round().catch((error: unknown) => {
        if (error instanceof MonitorStopped) return null;
        throw error;
      });
      if (round === null) return (await opened.alarms.standing()) > 0 ? EXIT.refused : EXIT.done;
      say(round, io);
      posting?.wake();
      // one that is far ahead is taken by parts, and those are one look
      if (round.isBehind && !stop.signal.aborted) continue;
      if (values.once || (await stop.within(periodMs))) {
        // Once and unreached is not well: nothing was looked at.
        return (await opened.alarms.standing()) > 0 || (values.once && round.unreached !== null)
          ? EXIT.refused
          : EXIT.done;
      }
    }
  } finally {
    stop.end();
    await server?.close();
    await posting?.idle();
    await opened.close();
  }
}

function readPeriod(text: string | undefined): number {
  if (text === undefined) return PERIOD_MS;
  const seconds = /^[1-9][0-9]{0,3}$/u.test(text) ? Number(text) : 0;
  if (seconds < LEAST_PERIOD_S || seconds > MOST_PERIOD_S)
    throw new UsageError(`--period is from ${LEAST_PERIOD_S} to ${MOST_PERIOD_S} seconds.`);
  return seconds * 1_000;
}

function say({ size, added, unreached }: Round, io: Io): void {
  if (added > 0) io.err(`${size} entries of the ledger hold, ${added} of them new · 总账 ${size} 条已核验`);
  if (unreached !== null) io.err(`Not reached this time · 本次未能读取: ${unreached}`);
}

/** `host:port`, an IPv6 host in brackets; null when nothing is served. Throws: UsageError. */
function readListen(text: string | undefined): { host: string; port: number } | null {
  if (text === undefined) return null;
  const [, six, four, digits = ''] = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):([0-9]{1,5})$/u.exec(text) ?? [];
  const host = six ?? four;
  const port = Number(digits);
  if (host === undefined || port > 65_535) throw new UsageError('--listen takes <host>:<port>, as 127.0.0.1:8800.');
  return { host, port };
}

/** Addresses and networks, with commas between. Throws: UsageError. */
function readProxies(text = ''): string[] {
  try {
    return readList(text, readProxy);
  } catch (error) {
    throw new UsageError(`--trust-proxy ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** SIGINT and SIGTERM end a round under way, and the wait behind it. */
function stopSignal({ world }: Io) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const onSignal = (): void => stopping.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return {
    signal,
    /** Whether it was told to stop before so much time had passed. */
    async within(ms: number): Promise<boolean> {
      if (signal.aborted) return true;
      await new Promise<void>((done) => {
        const cancel = world.after(ms, end);
        signal.addEventListener('abort', end);
        function end(): void {
          cancel();
          signal.removeEventListener('abort', end);
          done();
        }
      });
      return signal.aborted;
    },
    end(): void {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
