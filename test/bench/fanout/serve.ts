/** The frame around a server that the bench measures: a process of its own that is told by its parent when to send, and says when it did. */
import { setTimeout as wait } from 'node:timers/promises';

/** A server that sends events to everyone connected; `event` n is sent to all, or handed over to be sent. */
export type Fanout = { readonly port: number; event(n: number): void };

export type Order =
  | { readonly do: 'memory' }
  /** `count` events, the first of which is number `from`, evenly over `overMs`. */
  | { readonly do: 'events'; readonly from: number; readonly count: number; readonly overMs: number };

export type Report =
  | { readonly port: number }
  | { readonly rssBytes: number }
  /** When each event was handed over: the machine's monotonic clock, ms. */
  | { readonly sentAt: readonly number[] };

/** The monotonic clock that all processes of the machine share, ms. */
export const clockMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** Runs a server in this process until the parent goes. */
export async function serve(start: () => Promise<Fanout>): Promise<void> {
  const say = (report: Report): void => void process.send?.(report);
  const { port, event } = await start();
  process.on('message', (order: Order) => {
    if (order.do === 'memory') void memory().then((rssBytes) => say({ rssBytes }));
    else void sendAll(order, event).then((sentAt) => say({ sentAt }));
  });
  process.on('disconnect', () => process.exit());
  say({ port });
}

/** Resident memory once garbage is gone: collected twice, with a rest between, for finalizers free more. */
async function memory(): Promise<number> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('the server must run with --expose-gc');
  for (let n = 0; n < 3; n++) {
    gc();
    await wait(200);
  }
  return process.memoryUsage.rss();
}

async function sendAll(
  { from, count, overMs }: Extract<Order, { do: 'events' }>,
  event: (n: number) => void,
): Promise<number[]> {
  const sentAt: number[] = [];
  const startedAt = clockMs();
  for (let n = 0; n < count; n++) {
    const early = startedAt + (n * overMs) / count - clockMs();
    if (early > 0) await wait(early);
    // due then; a server that comes late to it has already made its viewers wait
    sentAt.push(startedAt + (n * overMs) / count);
    event(from + n);
  }
  return sentAt;
}
