/** A blind window on the real server, with real bids and keys: decrypted into it, read by nobody, opened by two of three holders, handed over, verified. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoCreditCode, writePair } from '../../../server/cli/demo/ca.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { exportLog } from '../../../server/cli/export-log.ts';
import { decrypt, outcomeOf } from '../../../server/cli/person/decrypt.ts';
import { acknowledge, deal, giveShare, offerKey } from '../../../server/cli/person/holding.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { answerRecord } from '../../../server/cli/person/record.ts';
import { waitFor } from '../../../server/cli/person/wait-for.ts';
import { openingOrigin } from '../../../server/core/log/origin.ts';
import { numberOf } from '../../../server/core/opening/state.ts';
import { newFolder } from '../../support/folder.ts';
import { speechEngine } from '../../support/speech-engine.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { command, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const engineFolder = await newFolder(t, 'engine');
await mkdir(engineFolder, { recursive: true });
const platform = await startPlatform(t, { KAIBIAO_SPEECH_ENGINE: await speechEngine(engineFolder) });
const { officials, ca, url, world } = platform;
const { host, tenderer, witness } = officials;
await platform.draft(OPENING, 15 * MINUTE, {
  decryptionWindowMs: 4 * MINUTE,
  archiveAfterMs: MINUTE,
  blindWindow: { holders: 3, threshold: 2, windowMs: 10 * MINUTE },
});
const people = await Promise.all([0, 1, 2].map((index) => platform.bidder(index)));
const [first, second, silent] = people as [Person, Person, Person];

const run = terminal(world);

/** The witness at a terminal, with keys in a folder of its own and another session. */
const keys = join(platform.folder, 'witness');
await mkdir(keys);
await writePair(
  keys,
  await ca.issuePair({ creditCode: demoCreditCode(0), organisation: '交易中心', name: '见证', personId: 'C2' }),
);
const asWitness = ['--role', 'witness', '--url', url, '--keys', keys];

const readOwn = (person: Person) => person.api.readOwnDecryption(OPENING);
const wrappedKeys = () => platform.db.sql`
  SELECT FROM window_keys WHERE opening_id = ${OPENING} AND wrapped_private IS NOT NULL`;

t.test('the key of the window is dealt on a holder’s machine, and every share acknowledged', async (t) => {
  await offerKey(tenderer, OPENING, 'tenderer');
  await offerKey(host, OPENING, 'host');
  t.match(await run('hold', OPENING, ...asWitness), { code: EXIT.done, out: /you are holder 3/ });
  const dealt = await deal(tenderer, OPENING, 'tenderer');
  t.match(dealt, { type: 'OpeningKeyDealt', body: { threshold: 2, windowKey: { crv: 'P-256' } } });
  t.notOk('certificate' in dealt.body);
  await acknowledge(tenderer, OPENING, 'tenderer');
  await acknowledge(host, OPENING, 'host');
  await t.rejects(command(host, 'host', 'PublishOpening'), { code: 'shares_not_acknowledged' });
  t.match(await run('hold', OPENING, '--acknowledge', ...asWitness), { code: EXIT.done });
  t.match((await run('status', OPENING, ...asWitness)).out, /blind window: 2 of 3 holders open it/);
  await command(host, 'host', 'PublishOpening');
  const pem = await run('opening-key', OPENING, '--out', join(platform.folder, 'none.pem'), ...asWitness.slice(2));
  t.match(pem, { code: EXIT.refused, err: /no second layer/ });
});

t.test('bids are lodged as in any opening; their bidders keep the name of the key', async (t) => {
  for (const [index, bidder] of people.entries())
    await lodge(bidder, OPENING, { envelope: await seal(platform, bidder, `${index + 1}000000.00`) });
  const { layer } = await catchUp(first, OPENING);
  const [kept] = await first.folder.bids(OPENING);
  t.equal(kept?.windowKid, layer.key?.windowKey?.kid);
});

t.test('what is decrypted in the window nobody opens, and to another key nobody decrypts', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  await command(host, 'host', 'PublishRoster');
  await command(host, 'host', 'OpenWindow');
  const [kept] = await second.folder.bids(OPENING);
  if (kept === undefined) throw new Error('no kept bid');
  await second.folder.keepBid(OPENING, { ...kept, windowKid: 'A'.repeat(43) });
  await t.rejects(decrypt(second, OPENING), { code: 'window_not_proven' }, 'as a platform with a key of its own');
  await second.folder.keepBid(OPENING, kept);
  for (const bidder of [first, first, second])
    t.match(await decrypt(bidder, OPENING), { type: 'DecryptionReceived' }, 'again, too: nobody knows yet');
  t.match((await readOwn(first)).attempts, [{ outcome: 'undecided' }, { outcome: 'undecided' }]);
  t.match(await outcomeOf(first, OPENING), { outcome: 'undecided' });
  await t.rejects(giveShare(host, OPENING, 'host'), { code: 'no_unsealing' });
  await t.rejects(command(host, 'host', 'EndWindowEarly'), { code: 'window_running' });
  t.equal((await wrappedKeys()).length, 0, 'the platform has no key at all');
  await platform.passUntil(OPENING, 'TendererDecrypting');
  await t.rejects(command(host, 'host', 'AnnouncePrices'), { code: 'too_early' });
});

t.test('two of three holders give the key; the vault decides every attempt, the first that opens counts', async (t) => {
  t.match(await giveShare(host, OPENING, 'host'), { type: 'LayerShareGiven', body: { holder: 2 } });
  t.ok((await catchUp(host, OPENING, 'host')).bids.every(({ attempts }) => attempts[0]?.outcome !== 'decrypted'));
  t.match(await run('unseal', OPENING, ...asWitness), { code: EXIT.done, out: /LayerShareGiven: proven/ });
  const done = await waitFor(host, OPENING, 'host', ({ phase }) => phase === 'Attribution');
  const bidOf = (bidder: Person) => done.bids[(numberOf(done, bidder.creditCode) ?? 0) - 1];
  t.match(bidOf(first)?.attempts, [{ outcome: 'decrypted' }, { outcome: 'not_needed' }]);
  t.match(bidOf(second)?.attempts, [{ outcome: 'decrypted' }]);
  t.match(bidOf(silent), { attempts: [], proposal: { evidence: { peerSucceeded: true } } });
  t.match(await outcomeOf(first, OPENING), { attempt: 1, outcome: 'decrypted' });
  await t.rejects(giveShare(tenderer, OPENING, 'tenderer'), { code: 'no_unsealing' });
});

t.test('prices, record, hand-over; then no key is left, and the log is valid to anyone', async (t) => {
  const before = await catchUp(host, OPENING, 'host');
  const { bids } = before;
  const unopened = bids.filter(({ attempts }) => attempts.length === 0);
  for (const { bidder } of unopened)
    for (const [official, role] of [[host, 'host'] as const, [witness, 'witness'] as const])
      await command(official, role, 'GiveRuling', { bidder, verdict: 'deemed_revoked', reason: '见日志' });
  const spoken = (bidder: string) => fetch(`${url}/openings/${OPENING}/spoken/${bidder}`);
  t.match(await (await spoken('1')).json(), { code: 'no_such_price', status: 404 }, 'nothing is said before');
  await command(host, 'host', 'AnnouncePrices');
  const sound = await spoken(String(numberOf(before, first.creditCode)));
  t.match([sound.status, sound.headers.get('content-type')], [200, 'audio/wav']);
  t.equal(
    Buffer.from(await sound.arrayBuffer()).toString('latin1', 0, 4),
    'RIFF',
    'a real engine reads a real price aloud',
  );
  t.match(await (await spoken('99')).json(), { code: 'no_such_price' });
  t.equal((await spoken('1x')).status, 400);
  const announced = await catchUp(first, OPENING, 'bidder');
  if (announced.prices?.known !== true) throw new Error('no prices');
  const amounts = announced.prices.value.map(({ quote }) => quote.amount);
  t.same(amounts.sort(), ['1000000.00', '2000000.00']);
  await command(host, 'host', 'IssueRecord', { note: '' });
  for (const bidder of [first, second]) await answerRecord(bidder, OPENING);
  await platform.pass(6 * MINUTE);
  const { record } = await catchUp(host, OPENING);
  t.match(record?.document, { value: { blindWindow: { holders: 3, threshold: 2, given: 2 } } });
  await command(host, 'host', 'ProposeClose');
  await command(witness, 'witness', 'AttestClose', { version: 1, recordSha256: record?.sha256 ?? '' });
  await command(host, 'host', 'HandOver');
  t.equal((await wrappedKeys()).length, 0, 'the shares on the log stay sealed, and with them the window key');

  const origin = openingOrigin('kaibiao.test', OPENING);
  const vkey = (await (await fetch(`${url}/logs/opening/${OPENING}/vkey`)).text()).trimEnd();
  const folder = join(platform.folder, 'export');
  await exportLog(platform.db.sql, { origin, vkey, folder, ledger: null });
  await writeFile(join(folder, 'vkey'), `${vkey}\n`);
  t.match(await run('verify', folder), { code: EXIT.done, out: /valid/ });
});
