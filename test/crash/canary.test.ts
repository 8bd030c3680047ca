/** A whole opening on the real server, searched for secrets: keys nowhere ever, prices before their announcement, names before the roster. */
import { createPrivateKey } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { act } from '../../server/cli/person/act.ts';
import { checkIn } from '../../server/cli/person/check-in.ts';
import { decrypt, outcomeOf } from '../../server/cli/person/decrypt.ts';
import { lodge } from '../../server/cli/person/lodge.ts';
import { catchUp } from '../../server/cli/person/read-opening.ts';
import { answerRecord } from '../../server/cli/person/record.ts';
import { waitFor } from '../../server/cli/person/wait-for.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { systemWorld } from '../../server/world.ts';
import { testDb } from '../support/database.ts';
import { newFolder } from '../support/folder.ts';
import { entriesOf, exportAndVerify, readPlatform } from '../support/server-log.ts';
import { openOutsider } from '../support/server-outsider.ts';
import { makeTown, publishOpening } from '../support/server-people.ts';
import { startServer } from '../support/server-process.ts';
import { readDatabase, readFiles, type Secret, search, textSecret } from '../support/server-search.ts';
import t from '../support/tap.ts';

const OPENING = 'canary-three';
/** As long a name, so that lengths can be compared. */
const QUIET = 'canary-zeros';
const NAMES = ['鹮羽标记路桥', '鸮瞳标记市政', '鹬嘴标记水利'] as const;
const AMOUNTS = ['7391846.27', '8264197.35', '9517382.64'] as const;

t.setTimeout(100_000);
const { sql, superuser, appUrl, ownerUrl } = await testDb(t);
const folder = await newFolder(t, 'canary');
const data = join(folder, 'data');
const town = await makeTown(join(folder, 'town'));
const server = await startServer(t, {
  ...town.settings,
  DATABASE_URL: appUrl,
  DATABASE_MIGRATION_URL: ownerUrl,
  KAIBIAO_DATA: data,
  KAIBIAO_PLATFORM: 'kaibiao.test',
  KAIBIAO_PORT: '0',
  KAIBIAO_LOG_LEVEL: 'debug',
  KAIBIAO_OUTAGE_TOLERANCE_MS: '60000',
  KAIBIAO_REGISTER_BATCH_PERIOD_MS: '500',
});
const officials = await town.enterOfficials(server.url);
const { host, witness } = officials;
const bidders = await Promise.all(NAMES.map((name, index) => town.enterBidder(server.url, index, name)));
const people = bidders.map(({ person }) => person);
const sealed = await Promise.all(bidders.map((bidder, index) => town.seal(bidder, AMOUNTS[index] ?? '')));
const times = {
  deadlineAt: systemWorld.now() + 10_000,
  checkInLeadMs: 60_000,
  decryptionWindowMs: 60_000,
  confirmationMs: 60_000,
};
await publishOpening(officials, OPENING, times);
await publishOpening(officials, QUIET, times);
const outsider = openOutsider(t, server.url, OPENING);
const quietOutsider = openOutsider(t, server.url, QUIET);

/** What of a private key would give it away: its numbers, and lines of its PEM. */
function partsOf(name: string, pem: string): Secret[] {
  const jwk = createPrivateKey(pem).export({ format: 'jwk' });
  const numbers = (['d', 'p', 'q', 'dp', 'dq', 'qi'] as const).flatMap((part) => {
    const number = jwk[part];
    return typeof number === 'string' ? [{ name: `${name} ${part}`, bytes: Buffer.from(number, 'base64url') }] : [];
  });
  // The first line of the body is alike in all keys of a kind.
  const lines = pem.split('\n').slice(2, -2);
  return [...numbers, ...lines.filter((line) => line.length >= 40).map((line) => textSecret(`${name} PEM`, line))];
}

const keys = town.issued.flatMap(({ privateKeyPem }, n) => partsOf(`private key ${n}`, privateKeyPem));
const ceks = sealed.map(({ cek }, n) => ({ name: `content key ${n}`, bytes: cek }));
const prices = AMOUNTS.flatMap((amount) => [
  textSecret(`price ${amount}`, amount),
  textSecret(`price ${amount}`, amount.replace('.', '')),
]);
const names = bidders.flatMap(({ holder }) => [
  textSecret(`name ${holder.name}`, holder.name),
  textSecret(`name ${holder.name}`, holder.creditCode),
]);
const keyFile = (name: string) => readFile(join(data, 'keys', name));
const ownKeys: Secret[] = [{ name: 'vault key', bytes: await keyFile('vault.key') }];
for (const use of ['openings', 'ledger', 'receipts'])
  ownKeys.push(...partsOf(`platform key ${use}`, String(await keyFile(`${use}.key`))));

/** Everything the server keeps or has said by now; its own keys lie in a folder of theirs. */
async function everything() {
  return [
    ...(await readDatabase(superuser)),
    ...(await readFiles(data, ['keys'])),
    { place: 'output', bytes: Buffer.from(server.output(), 'utf8') },
    ...outsider.heard(),
    ...quietOutsider.heard(),
  ];
}

const pathsOf = (openingId: string): string[] => [
  '/openings',
  `/openings/${openingId}`,
  `/openings/${openingId}/entries?after=-1&limit=100`,
  `/openings/${openingId}/record`,
  `/logs/opening/${openingId}/checkpoint`,
  ...[1, 2, 3, 4].map((width) => `/logs/opening/${openingId}/tile/entries/000.p/${width}`),
  ...[1, 2, 3, 4].map((width) => `/logs/opening/${openingId}/tile/0/000.p/${width}`),
  '/logs/ledger/checkpoint',
  '/platform',
  '/readyz',
  '/metrics',
];

/** Digests, signatures and random bytes by their lengths; instants, and which opening it is, not at all. */
const mask = (text: string): string =>
  text
    .replaceAll(OPENING, 'opening')
    .replaceAll(QUIET, 'opening')
    .replace(/[A-Za-z0-9+/_-]{20,}={0,2}/g, (found) => `#${found.length}`)
    .replace(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|\b1[0-9]{12}\b|[0-9]{2}:[0-9]{2}:[0-9]{2} GMT/g, '@')
    .replace(/"clockOffsetMs":-?[0-9]+/g, 'clock');

t.test('before the deadline an opening with three bids looks from outside like one with none', async (t) => {
  await Promise.all(
    people.map(async (person, index) => {
      await lodge(person, OPENING, { envelope: sealed[index]?.envelope ?? '' });
      await checkIn(person, OPENING);
    }),
  );
  const { ledger } = await readPlatform(server.url);
  // Their acts are in the ledger, and batches without any came before and after.
  const [taken] = await sql<{ batch: number }[]>`SELECT max(batch) AS batch FROM register_batches`;
  for (let batch = 0; batch <= (taken?.batch ?? 0) + 1; ) {
    const [newest] = await sql<{ batch: number }[]>`SELECT max(batch) AS batch FROM register_batches`;
    batch = newest?.batch ?? 0;
  }
  await outsider.hears('CheckInOpened');
  await quietOutsider.hears('CheckInOpened');
  const [busy, quiet] = [await outsider.ask(pathsOf(OPENING)), await quietOutsider.ask(pathsOf(QUIET))];
  t.ok(systemWorld.now() < times.deadlineAt, 'all that was before the deadline');
  const shared = ['/openings', '/logs/ledger/checkpoint'];
  for (const [place, { path, status, headers, body }] of busy.entries()) {
    const other = quiet[place];
    t.equal(status, other?.status, path);
    if (shared.includes(path)) continue;
    // A tile of hashes holds nothing that could be compared but its size, which its headers tell.
    if (!path.includes('/tile/0/')) t.equal(mask(body), mask(other?.body ?? ''), path);
    t.equal(mask(headers), mask(other?.headers ?? ''), `${path} headers`);
  }
  t.strictSame(entriesIn(outsider.frames()).map(mask), entriesIn(quietOutsider.frames()).map(mask), 'on the socket');

  const members = await sql<{ batch: number; acts: number }[]>`
    SELECT b.batch, count(m.act_id)::int AS acts FROM register_batches b
    LEFT JOIN register_batch_members m ON m.batch = b.batch GROUP BY b.batch`;
  t.ok(members.some(({ acts }) => acts > 0) && members.some(({ acts }) => acts === 0), 'full batches and empty ones');
  const batches = (await entriesOf(sql, ledger.origin)).filter(({ type }) => type === 'RegisterBatch');
  const lengths = new Set(batches.map(({ seq: _seq, ...rest }) => JSON.stringify(rest).length));
  t.equal(lengths.size, 1, 'every batch is as long as any other');
});

/** The texts of the entries in these frames. */
function entriesIn(frames: readonly string[]): string[] {
  return frames.flatMap((frame) => {
    const { entries } = JSON.parse(frame) as { entries?: readonly string[] };
    return entries ?? [];
  });
}

t.test('until the roster no outsider hears a name or a price', async (t) => {
  await waitFor(host, OPENING, 'host', (state) => state.phase === 'Sealed');
  await outsider.hears('BidsSealed');
  await outsider.ask(pathsOf(OPENING));
  t.strictSame(search(outsider.heard(), names), [], 'sent');
  t.strictSame(search(outsider.heard(), prices), [], 'nor a price');
  await act(host, OPENING, { type: 'PublishRoster', role: 'host', data: {} });
  await outsider.hears('RosterPublished');
  await outsider.ask(pathsOf(OPENING));
  const sent = search(outsider.heard(), names).map((finding) => finding.replace(/^.*: /, ''));
  t.strictSame([...new Set(sent)].sort(), NAMES.map((name) => `name ${name}`).sort(), 'with the roster all are');
});

t.test('decrypted, and until the announcement no price is found anywhere but where the test has put it', async (t) => {
  await act(host, OPENING, { type: 'OpenWindow', role: 'host', data: {} });
  for (const person of people) await decrypt(person, OPENING);
  for (const person of people) t.match(await outcomeOf(person, OPENING), { outcome: 'decrypted' });
  await act(host, OPENING, { type: 'EndWindowEarly', role: 'host', data: {} });
  await waitFor(host, OPENING, 'host', (state) => state.phase === 'Attribution');
  await outsider.ask(pathsOf(OPENING));

  // The search must find something, or finding nothing would say nothing: so some things are planted.
  const [cek] = ceks;
  const [amount] = AMOUNTS;
  if (cek === undefined) throw new Error('no content key');
  const nested = Buffer.from(JSON.stringify({ act: Buffer.from(`{"price":"${amount}"}`).toString('base64url') }));
  await superuser`CREATE TABLE planted (of_text text, of_bytes bytea, of_json jsonb)`;
  await superuser`INSERT INTO planted VALUES (${`x${Buffer.from(cek.bytes).toString('hex')}y`}, ${cek.bytes},
    ${JSON.stringify({ deep: nested.toString('base64') })}::text::jsonb)`;
  const file = join(data, 'planted.txt');
  await writeFile(file, `key=${Buffer.from(cek.bytes).toString('base64url')};${town.issued[0]?.privateKeyPem ?? ''}`);
  const found = search(await everything(), [cek, ...prices, ...keys]);
  await superuser`DROP TABLE planted`;
  await rm(file);
  t.strictSame(
    [...new Set(found.map((finding) => finding.replace(/ (d|PEM)$/, '')))],
    [
      'planted.of_bytes: content key 0',
      `planted.of_json: price ${amount}`,
      'planted.of_text: content key 0',
      'planted.txt: content key 0',
      'planted.txt: private key 0',
    ],
  );
});

t.test('to the archive', async (t) => {
  await act(host, OPENING, { type: 'AnnouncePrices', role: 'host', data: {} });
  await act(host, OPENING, { type: 'IssueRecord', role: 'host', data: { note: '' } });
  for (const person of people) await answerRecord(person, OPENING);
  await act(host, OPENING, { type: 'ProposeClose', role: 'host', data: {} });
  const { record } = await catchUp(witness, OPENING, 'witness');
  const about: JsonObject = { version: record?.version ?? 0, recordSha256: record?.sha256 ?? '' };
  await act(witness, OPENING, { type: 'AttestClose', role: 'witness', data: about });
  await act(host, OPENING, { type: 'HandOver', role: 'host', data: {} });
  await waitFor(host, OPENING, 'host', (state) => state.phase === 'Archived');
  await outsider.hears('OpeningArchived');
  await outsider.ask(pathsOf(OPENING));
  const announced = search(outsider.heard(), prices).map((finding) => finding.replace(/^.*: /, ''));
  t.strictSame(
    [...new Set(announced)].sort(),
    AMOUNTS.map((amount) => `price ${amount}`).sort(),
    'everyone heard them',
  );
  const standing = await exportAndVerify(t, sql, {
    url: server.url,
    openingId: OPENING,
    folder: join(folder, 'export'),
  });
  t.equal(standing, 'valid, complete');
});

t.test('at the end no private key and no content key has been anywhere, and the diagnostics name nobody', async (t) => {
  const all = await everything();
  t.ok(all.length > 500, `${all.length} places`);
  t.strictSame(search(all, [...keys, ...ceks, ...ownKeys]), []);
  const output = [{ place: 'output', bytes: Buffer.from(server.output(), 'utf8') }];
  t.strictSame(search(output, [...names, ...prices]), []);
  t.equal(await server.stop(), 0);
});
