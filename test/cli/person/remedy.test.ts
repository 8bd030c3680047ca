/** A remedy from the terminal on the real server: the key was kept, the token failed in the window, and the bid opens after all. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writePair } from '../../../server/cli/demo/ca.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { decrypt, outcomeOf } from '../../../server/cli/person/decrypt.ts';
import { heldKeyAgent } from '../../../server/cli/person/held-keys.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { makeBackup, readBackup, submitBackup } from '../../../server/cli/person/remedy.ts';
import { isDecrypted, numberOf } from '../../../server/core/opening/state.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { command, heldKey, holderOf, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { officials, ca, url, world } = platform;
const { host } = officials;
await platform.publish(OPENING, 15 * MINUTE, {
  decryptionWindowMs: 4 * MINUTE,
  remedy: { kind: 'backup', windowMs: 5 * MINUTE },
});
const people = await Promise.all([0, 1, 2].map((index) => platform.bidder(index)));
const [first, second, third] = people as [Person, Person, Person];
for (const [index, person] of people.entries())
  await lodge(person, OPENING, { envelope: await seal(platform, person, `${index + 1}000000.00`) });
const kept = await makeBackup(second, OPENING);

const run = terminal(world);

t.test('a backup is in form or is none', async (t) => {
  t.match(kept, { v: 1, openingId: OPENING, contentKey: /^[\w-]{43}$/ });
  t.same(readBackup(JSON.stringify(kept)), kept);
  for (const text of ['', '{}', JSON.stringify({ ...kept, contentKey: 'AAAA' }), JSON.stringify({ ...kept, x: 1 })])
    t.throws(() => readBackup(text), { code: 'backup_not_in_form' });
});

t.test('from the terminal: kept once, readable by its owner alone', async (t) => {
  const keys = join(platform.folder, 'fourth');
  const pair = await ca.issuePair(holderOf(3));
  await mkdir(keys);
  await writePair(keys, pair);
  const fourth = await platform.enter(heldKeyAgent([heldKey(pair.signing), heldKey(pair.encryption)]), 'fourth');
  const file = join(platform.folder, 'key.json');
  const as = ['--url', url, '--keys', keys, '--folder', join(platform.folder, 'people', 'fourth')];
  t.match(await run('keep-key', OPENING, '--out', file, ...as), { code: EXIT.refused, err: /no_kept_bid/ });
  await lodge(fourth, OPENING, { envelope: await seal(platform, fourth, '4000000.00') });
  t.equal((await run('keep-key', OPENING, ...as)).code, EXIT.usage);
  t.match(await run('keep-key', OPENING, '--out', file, ...as), { code: EXIT.done, out: /key\.json/ });
  t.equal((await stat(file)).mode & 0o077, 0);
  t.match(readBackup(await readFile(file, 'utf8')), { openingId: OPENING });
  t.equal((await run('keep-key', OPENING, '--out', file, ...as)).code, EXIT.refused, 'nothing is written over');
});

t.test('in the window one opens, the others do not', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  await command(host, 'host', 'PublishRoster');
  await command(host, 'host', 'OpenWindow');
  await decrypt(first, OPENING);
  await outcomeOf(first, OPENING);
  await t.rejects(submitBackup(second, OPENING, kept), { code: 'too_early' });
  await platform.passUntil(OPENING, 'Attribution');
  await command(host, 'host', 'OpenRemedy');
  const state = await catchUp(second, OPENING, 'bidder');
  t.equal(state.phase, 'Remedy');
  t.equal(state.remedy?.bids.length, 3);
});

t.test('a kept key that is another’s, or wrong, never leaves the bidder', async (t) => {
  await t.rejects(submitBackup(third, OPENING, kept), { code: 'backup_not_in_form' });
  const wrong = { ...kept, contentKey: 'A'.repeat(43) };
  await t.rejects(submitBackup(second, OPENING, wrong), { code: 'wrong_key' });
  const { bids } = await catchUp(second, OPENING, 'bidder');
  t.equal(bids.filter((bid) => bid.attempts.length > 0).length, 1);
});

t.test('the kept key opens the bid; one’s own key does so as well; then attribution goes on at once', async (t) => {
  const { type, body } = await submitBackup(second, OPENING, kept);
  t.equal(type, 'BackupReceived');
  t.match(await outcomeOf(second, OPENING), { bidder: body['bidder'], outcome: 'decrypted' });
  await t.rejects(decrypt(third, OPENING), { code: 'window_is_over' });
  await submitBackup(third, OPENING, null);
  t.match(await outcomeOf(third, OPENING), { outcome: 'decrypted' });
  const files = ['--backup', join(platform.folder, 'key.json'), '--folder', join(platform.folder, 'people', 'fourth')];
  const last = await run('remedy', OPENING, '--url', url, '--keys', join(platform.folder, 'fourth'), ...files);
  t.match(last, { code: EXIT.done, out: /decrypted/ });
  await platform.passUntil(OPENING, 'Attribution');
  const state = await catchUp(host, OPENING, 'host');
  t.ok(state.bids.every(isDecrypted));
  t.ok((state.remedy?.closedAt ?? 0) < (state.remedy?.closesAt ?? 0), 'nothing was left to wait for');
  await command(host, 'host', 'AnnouncePrices');
  const announced = await catchUp(second, OPENING, 'bidder');
  const mine = numberOf(announced, second.creditCode);
  const rows = announced.prices?.known ? announced.prices.value : [];
  t.equal(rows.find((row) => row.bidder === mine)?.quote.amount, '2000000.00');
});
