/** A large bid on its way to the real server: lines cut, client killed, server killed with SIGKILL half-way and at the end; what came before is not sent again, and there is one receipt. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lodged, lodge } from '../../server/cli/person/lodge.ts';
import type { Person } from '../../server/cli/person/person.ts';
import { openPerson } from '../../server/cli/person/person.ts';
import { DURABLE_EVERY_BYTES } from '../../server/vault/uploads.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { until } from '../support/recorder.ts';
import { type Bidder, makeTown, publishOpening } from '../support/server-people.ts';
import { freePort, type ServerProcess, startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const OPENING = 'upload-killed';
const DRAWING_BYTES = 20_000_000;
/** Cut here for the first time: more is durable by then than is made durable at once. */
const CUT_AT = DURABLE_EVERY_BYTES + 3_000_000;

t.setTimeout(100_000);
const { sql, superuser, appUrl, ownerUrl } = await testDb(t);
const folder = await newFolder(t, 'upload');
const data = join(folder, 'data');
const town = await makeTown(join(folder, 'town'));
const settings = {
  ...town.settings,
  DATABASE_URL: appUrl,
  DATABASE_MIGRATION_URL: ownerUrl,
  KAIBIAO_DATA: data,
  KAIBIAO_PLATFORM: 'kaibiao.test',
  KAIBIAO_PORT: String(await freePort()),
  KAIBIAO_LOG_LEVEL: 'warn',
};
const begin = (): Promise<ServerProcess> => startServer(t, settings);
let server = await begin();
const officials = await town.enterOfficials(server.url);
await publishOpening(officials, OPENING, {
  deadlineAt: systemWorld.now() + 600_000,
  checkInLeadMs: 60_000,
  decryptionWindowMs: 60_000,
  confirmationMs: 60_000,
});

const filesIn = (place: 'parts' | 'finished'): Promise<string[]> => readdir(join(data, 'envelopes', place));
const uploadOf = async (person: Person): Promise<number | undefined> =>
  (
    await sql<{ receivedBytes: number }[]>`SELECT received_bytes AS "receivedBytes" FROM uploads
      WHERE account = ${person.account} AND ended IS NULL`
  )[0]?.receivedBytes;
const bidsOf = async (person: Person): Promise<number> =>
  (await sql`SELECT FROM envelopes WHERE opening_id = ${OPENING} AND account = ${person.account}`).length;

/** A road for the parts: each request is carried as far as the next of these says, and what was carried is counted. */
function roadOf(cuts: ('cut' | 'hang' | 'kill')[]) {
  let carried = 0;
  let isDead = false;
  const by: typeof fetch = async (url, init) => {
    if (isDead) throw new Error('killed');
    if (init?.method !== 'PATCH') return fetch(url, init);
    const end = cuts.shift();
    let left = end === undefined ? Number.POSITIVE_INFINITY : CUT_AT;
    const body = (init.body as ReadableStream<Uint8Array>).pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        async transform(chunk, out) {
          const piece = chunk.subarray(0, Math.min(left, chunk.length));
          carried += piece.length;
          left -= chunk.length;
          out.enqueue(piece);
          if (left > 0) return;
          // What was enqueued is to be on its way before the line is gone.
          if (end !== 'hang') await new Promise((resolve) => setTimeout(resolve, 200));
          if (end === 'hang') await new Promise(() => undefined);
          if (end === 'kill') isDead = true;
          out.error(new TypeError('cut'));
        },
      }),
    );
    return fetch(url, { ...init, body });
  };
  return { by, carried: () => carried };
}

/** The bidder at another run of its program: the same keys and folder. */
function again({ person }: Bidder, by: typeof fetch = fetch): Promise<Person> {
  return openPerson({ url: server.url, keys: person.keys, folder: person.folder.path, world: systemWorld, fetch: by });
}

async function sealed(index: number, cuts: ('cut' | 'hang' | 'kill')[]) {
  const road = roadOf(cuts);
  const bidder = await town.enterBidder(server.url, index, undefined, road.by);
  const { envelope } = await town.seal(bidder, `${index + 1}000000.00`, DRAWING_BYTES);
  return { road, bidder, envelope, sizeBytes: (await stat(envelope)).size };
}

/** Asks until there is a receipt, as a person does whose server takes long to come back. */
async function insist(person: Person, envelope: string): Promise<Lodged> {
  for (let tries = 1; ; tries++)
    try {
      return await lodge(person, OPENING, { envelope });
    } catch (error) {
      if (tries === 5) throw error;
    }
}

/** So much of it was sent twice, and no more than a little. */
function checkCarried(t: Pick<typeof import('../support/tap.ts').default, 'ok'>, carried: number, sizeBytes: number) {
  t.ok(carried < sizeBytes + DURABLE_EVERY_BYTES, `${carried} bytes for ${sizeBytes}`);
}

t.test('cut twice: gone on with by itself, and little is sent again', async (t) => {
  const { bidder, envelope, sizeBytes, road } = await sealed(0, ['cut', 'cut']);
  const told: number[] = [];
  const progress = (step: string, done: number) => void (step === 'send' && told.push(done));
  const lodged = await lodge(bidder.person, OPENING, { envelope, progress });
  t.match(lodged, { receipt: { act: 'lodged', envelopeBytes: sizeBytes } });
  t.equal(told.at(-1), sizeBytes);
  checkCarried(t, road.carried(), sizeBytes);
  t.equal(await bidsOf(bidder.person), 1);
  t.strictSame(await filesIn('parts'), []);
});

t.test('the client is killed: the same command again goes on', async (t) => {
  const { bidder, envelope, sizeBytes, road } = await sealed(1, ['kill']);
  await t.rejects(lodge(bidder.person, OPENING, { envelope }), { message: 'killed' });
  await until(async () => ((await uploadOf(bidder.person)) ?? 0) > DURABLE_EVERY_BYTES / 2);
  const before = (await uploadOf(bidder.person)) ?? 0;
  const next = roadOf([]);
  t.match(await lodge(await again(bidder, next.by), OPENING, { envelope }), { receipt: { act: 'lodged' } });
  t.equal(next.carried(), sizeBytes - before);
  checkCarried(t, road.carried() + next.carried(), sizeBytes);
  t.equal(await bidsOf(bidder.person), 1);
});

t.test('begun at one process, gone on with at another: nothing is sent again, and one bid stands', async (t) => {
  const second = await startServer(t, { ...settings, KAIBIAO_PORT: String(await freePort()) });
  const { bidder, envelope, sizeBytes } = await sealed(4, ['kill']);
  await t.rejects(lodge(bidder.person, OPENING, { envelope }), { message: 'killed' });
  await until(async () => ((await uploadOf(bidder.person)) ?? 0) > DURABLE_EVERY_BYTES / 2);
  const before = (await uploadOf(bidder.person)) ?? 0;
  const { keys, folder: kept } = bidder.person;
  const next = roadOf([]);
  const there = await openPerson({ url: second.url, keys, folder: kept.path, world: systemWorld, fetch: next.by });
  t.match(await lodge(there, OPENING, { envelope }), { receipt: { act: 'lodged', envelopeBytes: sizeBytes } });
  t.equal(next.carried(), sizeBytes - before, 'the follower reads what lies there');
  t.equal(await bidsOf(bidder.person), 1);
  t.equal(await second.stop(), 0);
  t.strictSame(await filesIn('parts'), []);
});

t.test('the server is killed half-way: what it had told of is not sent again', async (t) => {
  const { bidder, envelope, sizeBytes } = await sealed(2, ['hang']);
  const lodging = insist(bidder.person, envelope);
  await until(async () => ((await uploadOf(bidder.person)) ?? 0) >= DURABLE_EVERY_BYTES);
  const before = (await uploadOf(bidder.person)) ?? 0;
  await server.kill();
  // A quarter of a minute later nobody holds it any more.
  await superuser`UPDATE uploads SET held_until = 0 WHERE holder IS NOT NULL`;
  server = await begin();
  t.match(await lodging, { receipt: { act: 'lodged', envelopeBytes: sizeBytes } });
  t.ok(before >= DURABLE_EVERY_BYTES && before < sizeBytes, `${before} of ${sizeBytes}`);
  t.equal(await bidsOf(bidder.person), 1);
});

t.test('the server is killed at the end: all of it is there, and whoever asks again gets one receipt', async (t) => {
  const { bidder, envelope } = await sealed(3, []);
  const finished = (await filesIn('finished')).length;
  let lodging: Promise<Lodged> | null = null;
  await superuser.begin(async (tx) => {
    await tx`LOCK TABLE intake IN EXCLUSIVE MODE`;
    lodging = insist(bidder.person, envelope);
    await until(async () => (await filesIn('finished')).length === finished + 1);
    await server.kill();
  });
  t.equal(await bidsOf(bidder.person), 0);
  await superuser`UPDATE uploads SET held_until = 0 WHERE holder IS NOT NULL`;
  server = await begin();
  t.match(await lodging, { receipt: { act: 'lodged' } });
  t.equal(await bidsOf(bidder.person), 1);
  t.equal((await filesIn('finished')).length, finished + 1);
  t.strictSame(await filesIn('parts'), []);
  t.equal(await server.stop(), 0);
});
