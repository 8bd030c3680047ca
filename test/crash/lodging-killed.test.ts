/** The real server killed with SIGKILL while a bid is lodged: half of the envelope here, all of it and no receipt, received and not decided; the bidder asks again and has one bid. */

import { readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lodged, lodge } from '../../server/cli/person/lodge.ts';
import type { Person } from '../../server/cli/person/person.ts';
import type { UploadBody } from '../../server/client/transport.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import type { TransactionSql } from '../../server/store/driver.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { until } from '../support/recorder.ts';
import { checkTree, exportAndVerify } from '../support/server-log.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { freePort, type ServerProcess, startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const OPENING = 'lodging-killed';
const PLATFORM = 'kaibiao.test';
/** Beyond any age at which what nobody names is still left alone. */
const DAY_MS = 86_400_000;

t.setTimeout(100_000);
const { sql, superuser, appUrl, ownerUrl } = await testDb(t);
const folder = await newFolder(t, 'lodging');
const data = join(folder, 'data');
const town = await makeTown(join(folder, 'town'));
const settings = {
  ...town.settings,
  DATABASE_URL: appUrl,
  DATABASE_MIGRATION_URL: ownerUrl,
  KAIBIAO_DATA: data,
  KAIBIAO_PLATFORM: PLATFORM,
  KAIBIAO_PORT: String(await freePort()),
  KAIBIAO_LOG_LEVEL: 'warn',
};
const begin = (): Promise<ServerProcess> => startServer(t, settings);
let server = await begin();
const officials = await town.enterOfficials(server.url);
const bidders = await Promise.all([0, 1, 2].map((index) => town.enterBidder(server.url, index)));
const sealed = await Promise.all(bidders.map((bidder, index) => town.seal(bidder, `${index + 1}000000.00`)));
const [first, second, third] = bidders.map(({ person }) => person) as [Person, Person, Person];
const envelopeOf = (n: number): string => sealed[n]?.envelope ?? '';
await publishOpening(officials, OPENING, {
  deadlineAt: systemWorld.now() + 600_000,
  checkInLeadMs: 60_000,
  decryptionWindowMs: 60_000,
  confirmationMs: 60_000,
});

const filesIn = (place: 'incoming' | 'finished'): Promise<string[]> => readdir(join(data, 'envelopes', place));

async function makeOld(place: 'incoming' | 'finished', name: string): Promise<void> {
  const longAgo = (systemWorld.now() - 2 * DAY_MS) / 1000;
  await utimes(join(data, 'envelopes', place, name), longAgo, longAgo);
}

async function bidsOf(person: Person): Promise<number> {
  const rows = await sql`SELECT FROM envelopes WHERE opening_id = ${OPENING} AND account = ${person.account}`;
  return rows.length;
}

/** Lodges, asking again until there is a receipt, which `lodge` checks: as a person does who lost the connection. */
async function insist(person: Person, envelope: string): Promise<Lodged> {
  for (let tries = 1; ; tries++)
    try {
      return await lodge(person, OPENING, { envelope });
    } catch (error) {
      if (tries === 5) throw error;
    }
}

/** The first upload stops half-way and hears nothing more; those after it are whole. */
function halfway(person: Person): Person {
  let isFirst = true;
  const { api } = person;
  const sendBid: typeof api.sendBid = (openingId, bid) => {
    const open = (from: number, to: number): UploadBody => {
      const whole = bid.open(from, to);
      if (whole instanceof Blob) throw new Error('the command line sends streams');
      if (!isFirst) return whole;
      isFirst = false;
      let left = Math.floor(bid.sizeBytes / 2);
      return whole.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          async transform(chunk, out) {
            out.enqueue(chunk.subarray(0, left));
            left -= chunk.length;
            if (left <= 0) await new Promise(() => undefined);
          },
        }),
      );
    };
    return api.sendBid(openingId, { ...bid, open });
  };
  return { ...person, api: { ...api, sendBid } };
}

/** Kills the server as soon as `isThere`, while the superuser holds something that it waits for. */
async function killWhile(
  hold: (tx: TransactionSql) => Promise<unknown>,
  lodging: () => Promise<Lodged>,
  isThere: () => Promise<boolean>,
): Promise<{ readonly again: Promise<Lodged> }> {
  let again: Promise<Lodged> | null = null;
  await superuser.begin(async (tx) => {
    await hold(tx);
    again = lodging();
    await until(isThere);
    await server.kill();
  });
  if (again === null) throw new Error('nothing was lodged');
  return { again };
}

t.test('half of the envelope is here: nothing of it stays, and the bidder lodges once', async (t) => {
  const lodging = insist(halfway(first), envelopeOf(0));
  await until(async () => (await filesIn('incoming')).length === 1);
  const [half = ''] = await filesIn('incoming');
  const { size } = await stat(join(data, 'envelopes/incoming', half));
  t.ok(size < (await stat(envelopeOf(0))).size, `${size} bytes of it`);
  await server.kill();
  t.equal(await bidsOf(first), 0);
  // Of a young one a server beside this one might still be taking the rest.
  await makeOld('incoming', half);
  server = await begin();
  t.match(await lodging, { receipt: { act: 'lodged' } });
  t.strictSame(await filesIn('incoming'), []);
  t.equal((await filesIn('finished')).length, 1);
  t.equal(await bidsOf(first), 1);
});

t.test(
  'all of it is on disk, and nothing received: one bid, and the file that nobody names goes in its time',
  async (t) => {
    const { again } = await killWhile(
      (tx) => tx`LOCK TABLE intake IN EXCLUSIVE MODE`,
      () => insist(second, envelopeOf(1)),
      async () => (await filesIn('finished')).length === 2,
    );
    t.equal(await bidsOf(second), 0);
    server = await begin();
    t.match(await again, { receipt: { act: 'lodged' } });
    t.equal(await bidsOf(second), 1);
    const named = (await sql<{ file: string }[]>`SELECT file FROM envelopes`).map(({ file }) => file);
    const left = (await filesIn('finished')).filter((name) => !named.includes(name));
    t.equal(left.length, 1, 'young, it might still be of somebody who is lodging');
    await server.kill();
    for (const name of await filesIn('finished')) await makeOld('finished', name);
    server = await begin();
    // It is looked for beside everything else.
    await until(async () => (await filesIn('finished')).length === named.length);
    t.strictSame((await filesIn('finished')).sort(), named.sort(), 'bids stay, however old');
  },
);

t.test('received and not decided: decided at the start, and whoever asks again gets its receipt', async (t) => {
  const { again } = await killWhile(
    (tx) => tx`SELECT FROM openings WHERE id = ${OPENING} FOR UPDATE`,
    () => insist(third, envelopeOf(2)),
    async () => (await sql`SELECT FROM intake WHERE opening_id = ${OPENING} AND NOT decided`).length === 1,
  );
  t.equal(await bidsOf(third), 0);
  server = await begin();
  t.equal(await bidsOf(third), 1, 'before anyone has asked again');
  t.match(await again, { receipt: { act: 'lodged' } });
  t.equal(await bidsOf(third), 1);
});

t.test('three bids, three acts, and both logs verify', async (t) => {
  const acts = await sql<{ n: number }[]>`SELECT n FROM register_acts WHERE opening_id = ${OPENING} ORDER BY n`;
  t.strictSame(
    acts.map(({ n }) => n),
    [0, 1, 2],
  );
  await checkTree(t, sql, openingOrigin(PLATFORM, OPENING), []);
  const place = { url: server.url, openingId: OPENING, folder: join(folder, 'export') };
  t.equal(await exportAndVerify(t, sql, place), 'valid, still open');
  t.equal(await server.stop(), 0);
});
