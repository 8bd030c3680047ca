/** A thread of the real server's vault killed while it decrypts a bid: once, and the bid is decided once; twice, and nobody but the platform answers for it. */
import { execFileSync } from 'node:child_process';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { act } from '../../server/cli/person/act.ts';
import { decrypt, outcomeOf } from '../../server/cli/person/decrypt.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import type { Person } from '../../server/cli/person/person.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { waitFor } from '../../server/cli/person/wait-for.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { numberOf } from '../../server/core/opening/state.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { until } from '../support/recorder.ts';
import { checkTree, entriesOf, exportAndVerify } from '../support/server-log.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { startServer } from '../support/server-process.ts';
import { INSPECTED, vaultThreadsOf } from '../support/server-threads.ts';
import t from '../support/tap.ts';

const OPENING = 'thread-killed';
const PLATFORM = 'kaibiao.test';
const ORIGIN = openingOrigin(PLATFORM, OPENING);

t.setTimeout(150_000);
const { sql, appUrl, ownerUrl } = await testDb(t);
const folder = await newFolder(t, 'thread');
const data = join(folder, 'data');
const town = await makeTown(join(folder, 'town'));
const server = await startServer(t, {
  ...town.settings,
  ...INSPECTED,
  DATABASE_URL: appUrl,
  DATABASE_MIGRATION_URL: ownerUrl,
  KAIBIAO_DATA: data,
  KAIBIAO_PLATFORM: PLATFORM,
  KAIBIAO_PORT: '0',
  KAIBIAO_LOG_LEVEL: 'warn',
  KAIBIAO_VAULT_WORKERS: '1',
});
const threads = await vaultThreadsOf(server);
const officials = await town.enterOfficials(server.url);
const { host } = officials;
const bidders = await Promise.all([0, 1].map((index) => town.enterBidder(server.url, index)));
const sealed = await Promise.all(bidders.map((bidder, index) => town.seal(bidder, `${index + 1}000000.00`)));
await publishOpening(officials, OPENING, {
  deadlineAt: systemWorld.now() + 8_000,
  checkInLeadMs: 1_000,
  // Ended by the host once all is decided: however busy the machine, nothing here is a question of time.
  decryptionWindowMs: 120_000,
  confirmationMs: 60_000,
});
await Promise.all(
  bidders.map(({ person }, index) => lodge(person, OPENING, { envelope: sealed[index]?.envelope ?? '' })),
);
const [first, second] = bidders.map(({ person }) => person) as [Person, Person];
await waitFor(host, OPENING, 'host', (state) => state.phase === 'Sealed');
await act(host, OPENING, { type: 'PublishRoster', role: 'host', data: {} });
await act(host, OPENING, { type: 'OpenWindow', role: 'host', data: {} });

type Pipe = {
  /** Waits until a thread reads the bid, gives it the first half, and kills it. */
  killReader(): Promise<void>;
  /** The bid lies where it lay. */
  release(): Promise<void>;
  /** The thread's last read returns. */
  drop(): Promise<void>;
};

/** Puts a pipe where a bid's envelope lies: the thread that opens it gets what the test gives it. */
async function pipeInPlaceOf(person: Person): Promise<Pipe> {
  const standing = await person.folder.standing(OPENING);
  const [row] = await sql<{ file: string }[]>`SELECT file FROM envelopes WHERE id = ${standing}`;
  const path = join(data, 'envelopes/finished', row?.file ?? '');
  const held = `${path}.held`;
  await rename(path, held);
  execFileSync('mkfifo', [path]);
  const bytes = await readFile(held);
  let writer: Awaited<ReturnType<typeof open>> | null = null;
  return {
    async killReader() {
      // Given to another thread, the one before is gone, and its end of the pipe with it.
      await until(threads.isAtWork);
      // A pipe opens for writing as soon as somebody reads it.
      writer = await open(path, 'w');
      await writer.write(bytes.subarray(0, bytes.length >> 1));
      await threads.killLast();
    },
    async release() {
      await rm(path);
      await rename(held, path);
    },
    async drop() {
      await writer?.close();
    },
  };
}

/** What the log says of a bidder's decryption, type by type, with how it failed. */
async function courseOf(person: Person): Promise<string[]> {
  const bidder = numberOf(await catchUp(person, OPENING, 'bidder'), person.creditCode);
  const entries = await entriesOf(sql, ORIGIN);
  return entries.flatMap(({ type, body }) =>
    /^(DecryptionReceived|BidDecrypted|DecryptionFailed|AttributionProposed)$/.test(type) && body['bidder'] === bidder
      ? [[type, body['failure'], body['fault']].filter((part) => part !== undefined).join(' ')]
      : [],
  );
}

const openedFiles = async (): Promise<string[]> =>
  (await Promise.all(['incoming', 'finished'].map((place) => readdir(join(data, 'opened', place))))).flat();

t.test('killed in the middle of a bid: another thread decrypts it, once', async (t) => {
  const pipe = await pipeInPlaceOf(first);
  await decrypt(first, OPENING);
  await pipe.killReader();
  t.strictSame(await courseOf(first), ['DecryptionReceived'], 'what was read half is nowhere told of');
  await pipe.release();
  await pipe.drop();
  t.match(await outcomeOf(first, OPENING), { outcome: 'decrypted', attempt: 1 });
  t.strictSame(await courseOf(first), ['DecryptionReceived', 'BidDecrypted']);
});

t.test('killed twice over the same bid: the platform’s failure, and the bidder’s next try counts', async (t) => {
  const pipe = await pipeInPlaceOf(second);
  await decrypt(second, OPENING);
  await pipe.killReader();
  t.strictSame(await courseOf(second), ['DecryptionReceived'], 'nothing is said while it may still be tried');
  await pipe.drop();
  await pipe.killReader();
  await pipe.release();
  await pipe.drop();
  t.match(await outcomeOf(second, OPENING), { outcome: 'worker_failed', attempt: 1 });
  t.strictSame(await courseOf(second), ['DecryptionReceived', 'DecryptionFailed worker_failed platform']);
  await decrypt(second, OPENING);
  t.match(await outcomeOf(second, OPENING), { outcome: 'decrypted', attempt: 2 });
  t.strictSame((await courseOf(second)).slice(2), ['DecryptionReceived', 'BidDecrypted']);
  t.ok(server.isAlive(), 'the process has lived on');
});

t.test('nothing is half published, nobody is accused, and the log verifies', async (t) => {
  t.strictSame(await openedFiles(), [], 'nothing decrypted lies in the vault’s folder');
  const [log] = await sql<{ told: number }[]>`
    SELECT count(*)::int AS told FROM disclosures WHERE disclosure LIKE '%000000.00%'`;
  t.equal(log?.told, 0, 'no price is on the log before the announcement');

  await act(host, OPENING, { type: 'EndWindowEarly', role: 'host', data: {} });
  await waitFor(host, OPENING, 'host', ({ phase }) => phase === 'Attribution');
  t.notOk((await entriesOf(sql, ORIGIN)).some(({ type }) => type === 'AttributionProposed'));
  await act(host, OPENING, { type: 'AnnouncePrices', role: 'host', data: {} });
  const { prices } = await catchUp(host, OPENING, 'host');
  t.equal(prices?.known === true && prices.value.length, 2, 'both are announced');
  await checkTree(t, sql, ORIGIN, []);
  const place = { url: server.url, openingId: OPENING, folder: join(folder, 'export') };
  t.equal(await exportAndVerify(t, sql, place), 'valid, still open');
  t.equal(await server.stop(), 0);
});
