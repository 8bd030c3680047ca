/** `kaibiao monitor`: a supervisor's watch over a platform's ledger; alarms go out as JSON lines, to a webhook, and as the exit code. */
import { parseArgs } from 'node:util';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import type { RaisedAlarm } from '../monitor/alarms.ts';
import { openMonitor, type Round } from '../monitor/monitor.ts';
import { needPositionals } from './options.ts';

const PERIOD_MS = 10_000;
const LEAST_PERIOD_S = 1;
const MOST_PERIOD_S = 3_600;
const WEBHOOK_LIMIT_MS = 10_000;

const options = {
  trust: { type: 'string' },
  folder: { type: 'string' },
  once: { type: 'boolean', default: false },
  period: { type: 'string' },
  webhook: { type: 'string' },
} as const;

/** Watches until it is told to stop, or looks once. Returns: 1 when the folder holds any alarm, of this run or an earlier one. */
export async function monitor(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['ledger address']);
  const [url = ''] = positionals;
  const { trust, folder, webhook } = values;
  if (!/^https?:\/\/.+\/logs\/ledger\/?$/u.test(url)) throw new UsageError('The address ends with /logs/ledger.');
  if (trust === undefined || folder === undefined)
    throw new UsageError('It takes --trust <ledger vkey> and --folder <kept>.');
  if (webhook !== undefined && !/^https?:\/\//u.test(webhook)) throw new UsageError('--webhook takes an address.');
  const periodMs = readPeriod(values.period);
  const opened = await openMonitor({
    url,
    trust,
    folder,
    world: io.world,
    onAlarm: (alarm) => io.out(JSON.stringify(alarm)),
  });
  const stop = stopSignal(io);
  try {
    for (;;) {
      const round = await opened.round();
      say(round, io);
      if (webhook !== undefined && !(await opened.alarms.deliver((alarm) => isPosted(io, webhook, alarm))))
        io.err(`The webhook did not take an alarm; it is sent again. · 警报未能送达，将重试：${webhook}`);
      if (values.once || (await stop.within(periodMs))) {
        // Once and unreached is not well: nothing was looked at.
        return opened.alarms.count() > 0 || (values.once && round.unreached !== null) ? EXIT.refused : EXIT.done;
      }
    }
  } finally {
    stop.end();
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

async function isPosted({ world, fetch }: Io, webhook: string, alarm: RaisedAlarm): Promise<boolean> {
  const late = new AbortController();
  const cancel = world.after(WEBHOOK_LIMIT_MS, () => late.abort());
  try {
    const body = JSON.stringify(alarm);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(webhook, { method: 'POST', headers, body, signal: late.signal, redirect: 'error' });
    await answer.body?.cancel();
    return answer.ok;
  } catch (error) {
    // fetch says by these that nobody answered, or not in time
    if (error instanceof TypeError || (error instanceof Error && error.name === 'AbortError')) return false;
    throw error;
  } finally {
    cancel();
  }
}

/** SIGINT and SIGTERM end the wait between two rounds, and a round at its end. */
function stopSignal({ world }: Io) {
  let stopped = false;
  let wake = (): void => undefined;
  const onSignal = (): void => {
    stopped = true;
    wake();
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return {
    /** Whether it was told to stop before so much time had passed. */
    async within(ms: number): Promise<boolean> {
      if (stopped) return true;
      await new Promise<void>((done) => {
        const cancel = world.after(ms, done);
        wake = () => {
          cancel();
          done();
        };
      });
      return stopped;
    },
    end(): void {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
