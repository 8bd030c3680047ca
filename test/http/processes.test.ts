/** Several processes on one database: what one appends the viewers of another see, whatever is lost on the way. As real processes behind a real front: test/crash/several-servers.test.ts. */
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { Down } from '../../server/core/wire/down.ts';
import { SUBPROTOCOL } from '../../server/core/wire/version.ts';
import { type App, createApp } from '../../server/http/app.ts';
import { createLogger } from '../../server/http/diagnostics.ts';
import { createHall, type Hall } from '../../server/live/hall.ts';
import { createLogView, followLogs, type LogView } from '../../server/live/log-view.ts';
import { listen } from '../../server/store/announce.ts';
import { connect } from '../../server/store/connect.ts';
import { until } from '../support/recorder.ts';
import t from '../support/tap.ts';
import { OPENING_ID, ORIGIN, setBench } from './bench.ts';

const HEARTBEAT_MS = 15_000;
const bench = await setBench(t);
await bench.create(OPENING_ID, true);
await bench.app.listen({ port: 0, host: '127.0.0.1' });
const host = await bench.official('host');
const { world, database } = bench.stage;
const logger = createLogger('silent');
const portOf = (app: App): number => (app.server.address() as AddressInfo).port;

type Process = { readonly app: App; readonly hall: Hall; readonly port: number; stop(): Promise<void> };

/** Another process on the same database. It hears what is announced, or nothing; it shows what it is let see by `viewOf`. */
async function startProcess(
  viewOf: (sql: typeof database.sql) => LogView = followLogs,
  isDeaf = false,
): Promise<Process> {
  const own = await connect(database.app, 3);
  const log = viewOf(own.sql);
  const { config } = bench.dependencies;
  const hall = createHall({ log, world, config, logger, whyNoSeat: async () => null });
  const stopListening = isDeaf
    ? async () => undefined
    : await listen(
        own,
        (origin) => hall.hear(origin),
        () => hall.hearAll(),
      );
  const app = await createApp({ ...bench.dependencies, sql: own.sql, log, hall }, logger as Logger);
  await app.listen({ port: 0, host: '127.0.0.1' });
  let isRunning = true;
  const stop = async (): Promise<void> => {
    if (!isRunning) return;
    isRunning = false;
    hall.close('server_stopping');
    for (const socket of app.websocketServer.clients) socket.terminate();
    await app.close();
    await stopListening();
    await own.close();
  };
  t.teardown(stop);
  return { app, hall, port: portOf(app), stop };
}

type Test = typeof t;
type Viewing = { readonly seqs: number[]; isOpen: boolean; readonly socket: WebSocket };

/** Looks on from after an entry; everything that comes is kept in the order it came. */
function look(port: number, after = -1, seqs: number[] = []): Promise<Viewing> {
  const url = `ws://127.0.0.1:${port}/openings/${OPENING_ID}/live?after=${after}`;
  const socket = new WebSocket(url, [SUBPROTOCOL], { origin: ORIGIN });
  const viewing: Viewing = { seqs, isOpen: true, socket };
  socket.on('message', (data) => {
    const down = JSON.parse(data.toString()) as Down;
    if (down.kind === 'resync') throw new Error('a viewer was told to begin anew');
    if (down.kind === 'entries') for (const text of down.entries) seqs.push(parseEntry(utf8(text)).seq);
  });
  socket.on('close', () => {
    viewing.isOpen = false;
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(viewing));
    socket.once('error', reject);
  });
}

const sizeOf = async () => (await bench.recorder.stateOf(OPENING_ID))?.size ?? 0;
const exactly = (size: number): number[] => Array.from({ length: size }, (_, n) => n);

let drafts = 0;
/** The host amends the draft: an entry each time. */
async function append(count: number): Promise<void> {
  const state = await bench.recorder.stateOf(OPENING_ID);
  if (state === null) throw new Error('no opening');
  for (let n = 0; n < count; n++) {
    const details = { ...state.details, title: `第 ${drafts++} 稿` };
    const data = { details, policy: state.policy } as unknown as JsonObject;
    const { statusCode, body } = await bench.command(host, 'host', 'AmendDraft', data);
    if (statusCode !== 200) throw new Error(body);
  }
}

function leave(viewings: readonly Viewing[]): void {
  for (const { socket } of viewings) socket.terminate();
}

/** Waits until these have come to where the log stands. */
async function upToDate(t: Pick<Test, 'strictSame'>, viewings: readonly Viewing[], stepMs = 20): Promise<void> {
  const size = await sizeOf();
  await until(() => {
    world.advance(stepMs);
    return viewings.every(({ seqs }) => (seqs.at(-1) ?? -1) + 1 >= size);
  });
  for (const { seqs } of viewings) t.strictSame(seqs, exactly(size), 'no entry is missing, none came twice');
}

t.test('a viewer of one process sees what another appends', async (t) => {
  const second = await startProcess();
  const viewings = [await look(second.port), await look(portOf(bench.app))];
  await upToDate(t, viewings);
  const before = await sizeOf();
  await append(3);
  t.equal(await sizeOf(), before + 3);
  await upToDate(t, viewings);
  leave(viewings);
  await second.stop();
});

t.test('who was shown more by the other process is not sent back to the beginning', async (t) => {
  // nothing reaches this one by itself: whoever comes in must find it as far as he has seen
  const deaf = await startProcess(followLogs, true);
  const early = await look(deaf.port);
  await upToDate(t, [early]);
  await append(2);
  const size = await sizeOf();
  const late = await look(deaf.port, size - 1, exactly(size));
  await until(() => deaf.hall.viewers() === 2);
  await append(1);
  const next = await look(deaf.port, size - 1, exactly(size));
  await upToDate(t, [next]);
  await upToDate(t, [late], HEARTBEAT_MS);
  leave([early, late, next]);
  await deaf.stop();
});

t.test('an announcement that is lost is caught up with the next heartbeat', async (t) => {
  const { log } = bench.dependencies;
  for (const viewOf of [followLogs, (sql: typeof database.sql) => createLogView(sql, log)]) {
    const deaf = await startProcess(viewOf, true);
    const viewings = [await look(deaf.port), await look(deaf.port)];
    await upToDate(t, viewings);
    const before = await sizeOf();
    await append(2);
    t.strictSame(
      viewings.map(({ seqs }) => seqs.length),
      [before, before],
      'nothing told it',
    );
    world.advance(HEARTBEAT_MS);
    await upToDate(t, viewings);
    leave(viewings);
    await deaf.stop();
  }
});

t.test('the listening connection is killed while entries come: the gap is caught up at once', async (t) => {
  const second = await startProcess();
  const viewings = [await look(second.port), await look(second.port), await look(portOf(bench.app))];
  const listeners = async () =>
    (
      await database.superuser`
      SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'`
    ).length;
  const all = await listeners();
  for (let round = 0; round < 3; round++) {
    await append(1);
    const killed = await database.superuser`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query ILIKE 'listen%'`;
    t.ok(killed.length === all && all >= 2, `${killed.length} connections listened`);
    await append(2);
    // all listen again before the next round
    await until(async () => (await listeners()) === all);
    await upToDate(t, viewings);
  }
  leave(viewings);
  await second.stop();
});

t.test('a viewer who comes back to another process goes on where he was', async (t) => {
  const second = await startProcess();
  const third = await startProcess();
  const first = await look(second.port);
  await upToDate(t, [first]);
  await append(1);
  await upToDate(t, [first]);
  await second.stop();
  await until(() => !first.isOpen);
  await append(1);
  const again = await look(third.port, first.seqs.at(-1) ?? -1, first.seqs);
  await upToDate(t, [again]);
  await append(1);
  await upToDate(t, [again]);
  leave([again]);
  await third.stop();
});
