/** The real server killed with SIGKILL in the hand-over: while the vault brings a bid's documents to disk, and when they lie there and nothing says so yet. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { act } from '../../server/cli/person/act.ts';
import { checkIn } from '../../server/cli/person/check-in.ts';
import { decrypt, outcomeOf } from '../../server/cli/person/decrypt.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { answerRecord } from '../../server/cli/person/record.ts';
import { waitFor } from '../../server/cli/person/wait-for.ts';
import { ApiError } from '../../server/client/transport.ts';
import { openingOrigin } from '../../server/core/log/origin.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { runCli } from '../support/golden-judge.ts';
import { until } from '../support/recorder.ts';
import { checkTree, entriesOf, exportAndVerify, readPlatform } from '../support/server-log.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { BIN, freePort, type ServerProcess, startServer } from '../support/server-process.ts';
import t from '../support/tap.ts';

const OPENING = 'hand-over-killed';
const PLATFORM = 'kaibiao.test';
const DAY_SECONDS = 86_400;
const ORIGIN = openingOrigin(PLATFORM, OPENING);

t.setTimeout(100_000);
const { sql, superuser, appUrl, ownerUrl } = await testDb(t);
const folder = await newFolder(t, 'hand-over');
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
  KAIBIAO_OUTAGE_TOLERANCE_MS: '60000',
};
const begin = (): Promise<ServerProcess> => startServer(t, settings);
let server = await begin();
const officials = await town.enterOfficials(server.url);
const { host, witness } = officials;
const bidder = await town.enterBidder(server.url, 0);
const { envelope } = await town.seal(bidder, '1000000.00');
await publishOpening(officials, OPENING, {
  deadlineAt: systemWorld.now() + 4_000,
  checkInLeadMs: 60_000,
  decryptionWindowMs: 5_000,
  confirmationMs: 60_000,
});
const { person } = bidder;
await lodge(person, OPENING, { envelope });
await checkIn(person, OPENING);
const asHost = (type: string, about = {}) => act(host, OPENING, { type, role: 'host', data: about });

/** Asks again under the same id until there is an answer, as a person does who lost the connection. */
async function insist(asked: Parameters<typeof act>[2]): Promise<Awaited<ReturnType<typeof act>>> {
  for (let tries = 1; ; tries++)
    try {
      return await act(host, OPENING, asked);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 0) || tries === 5) throw error;
    }
}

const openedIn = async (place: 'incoming' | 'finished'): Promise<string[]> => readdir(join(data, 'opened', place));
const handedOver = async (): Promise<number> =>
  (await entriesOf(sql, ORIGIN)).filter(({ type }) => type === 'HandedOver').length;

t.test('to the close', async (t) => {
  await waitFor(host, OPENING, 'host', (state) => state.phase === 'Sealed');
  await asHost('PublishRoster');
  await asHost('OpenWindow');
  await decrypt(person, OPENING);
  t.match(await outcomeOf(person, OPENING), { outcome: 'decrypted' });
  await waitFor(host, OPENING, 'host', (state) => state.phase === 'Attribution' || state.phase === 'Announcing');
  await asHost('AnnouncePrices');
  await asHost('IssueRecord', { note: '' });
  await answerRecord(person, OPENING);
  await asHost('ProposeClose');
  const { record } = await catchUp(witness, OPENING, 'witness');
  const about = { version: record?.version ?? 0, recordSha256: record?.sha256 ?? '' };
  await act(witness, OPENING, { type: 'AttestClose', role: 'witness', data: about });
});

t.test('killed while the vault reads, then when all is on disk: handed over once', async (t) => {
  const [row] = await sql<{ file: string }[]>`SELECT file FROM envelopes WHERE opening_id = ${OPENING}`;
  const path = join(data, 'envelopes/finished', row?.file ?? '');
  await rename(path, `${path}.held`);
  // The thread that reads it waits, as on a disk that does not answer.
  execFileSync('mkfifo', [path]);
  const id = host.session.newId();
  const answered = insist({ type: 'HandOver', role: 'host', data: {}, id });
  await until(async () => (await openedIn('incoming')).length === 1);
  await server.kill();
  // Of a young one a server beside this one might still be at work.
  const longAgo = systemWorld.now() / 1000 - 2 * DAY_SECONDS;
  for (const name of await openedIn('incoming')) await utimes(join(data, 'opened/incoming', name), longAgo, longAgo);
  await rm(path);
  await rename(`${path}.held`, path);
  t.strictSame(await openedIn('finished'), [], 'nothing unproven has a name');
  t.equal(await handedOver(), 0);

  // The opening's row is held: all is on disk, and the round cannot begin.
  await superuser.begin(async (tx) => {
    await tx`SELECT FROM openings WHERE id = ${OPENING} FOR UPDATE`;
    server = await begin();
    await until(async () => (await openedIn('finished')).length === 1);
    await server.kill();
  });
  t.equal(await handedOver(), 0);

  server = await begin();
  t.match(await answered, { entries: [{ type: 'HandedOver', command: id }] }, 'who asks again hears of it');
  t.comment(`${(await openedIn('finished')).length} files`);
  await waitFor(host, OPENING, 'host', (state) => state.phase === 'Archived');
  t.equal(await handedOver(), 1);
  // Who asked again may have set the vault to it once more.
  await until(async () => (await openedIn('incoming')).length === 0);
});

t.test('the log verifies to its end', async (t) => {
  await checkTree(t, sql, ORIGIN, []);
  const place = { url: server.url, openingId: OPENING, folder: join(folder, 'export') };
  t.equal(await exportAndVerify(t, sql, place), 'valid, complete');
});

t.test('erased by two persons after the end: no reader is shown it any more, and the log still verifies', async (t) => {
  const host0 = (await entriesOf(sql, ORIGIN)).findIndex(({ type }) => type === 'RosterPublished');
  const seen = async () =>
    JSON.stringify(await sql`SELECT field FROM disclosures WHERE seq = ${host0} AND origin = ${ORIGIN}`);
  t.match(await seen(), /"source"/);
  const data = { seq: host0, field: 'source', basis: 'ordered', reason: '法院裁定' };
  await act(witness, OPENING, { type: 'ProposeErasure', role: 'witness', data });
  await act(officials.supervisor, OPENING, { type: 'ConfirmErasure', role: 'supervisor', data: { number: 1 } });
  t.notMatch(await seen(), /"source"/);
  const place = { url: server.url, openingId: OPENING, folder: join(folder, 'export-erased') };
  t.equal(await exportAndVerify(t, sql, place), 'valid, complete', 'and the ledger holds it as closed again');
});

t.test('its evidence bundle, made by the command beside the server, is judged from one ZIP file', async (t) => {
  const zip = join(folder, 'evidence.zip');
  const kaibiao = (...argv: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...argv], { encoding: 'utf8', env: settings });
    return { status, stdout, stderr };
  };
  t.match(kaibiao('bundle', OPENING, zip), {
    status: 0,
    stderr: '',
    stdout: /entries, \d+ disclosures → .*evidence\.zip\n$/,
  });
  const { ledger } = await readPlatform(server.url);
  const { code, out } = await runCli('verify', zip, '--trust', ledger.vkey, '--complete');
  t.equal(code, 0);
  t.match(out, /^valid, complete: kaibiao\.test\/opening\/hand-over-killed\n[\s\S]*files, each as the signed manifest/);
  t.match(out, /\n {2}1 fields erased for good, each by an entry that says so and why\n/);
  const left = await readdir(folder);
  t.strictSame(
    left.filter((name) => name.includes('.part')),
    [],
    'nothing half made is left',
  );
  t.match(kaibiao('bundle', 'no-such-opening', zip), {
    status: 1,
    stderr: /^log_not_found\n {2}There is no such log\.\n/,
  });
  t.equal(await server.stop(), 0);
});
