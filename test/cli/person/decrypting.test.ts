/** A bidder from the deadline on, on the real server: the client's own checks before its key is used, the window, the record. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportLog } from '../../../server/cli/export-log.ts';
import { filesBelow, folderSource } from '../../../server/cli/log-source.ts';
import { act } from '../../../server/cli/person/act.ts';
import { checkIn } from '../../../server/cli/person/check-in.ts';
import { decrypt, handIn, makeDecryption, outcomeOf, readDecryptionFile } from '../../../server/cli/person/decrypt.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { catchUp } from '../../../server/cli/person/read-opening.ts';
import { answerRecord, readRecord } from '../../../server/cli/person/record.ts';
import { waitFor } from '../../../server/cli/person/wait-for.ts';
import { verifySource } from '../../../server/cli/verify-log.ts';
import { createApi } from '../../../server/client/api.ts';
import { pickCertificate } from '../../../server/client/key-agent.ts';
import { ApiError } from '../../../server/client/transport.ts';
import { openingOrigin } from '../../../server/core/log/origin.ts';
import { numberOf } from '../../../server/core/opening/state.ts';
import { until } from '../../support/recorder.ts';
import t from '../../support/tap.ts';
import { command, holderOf, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { world, officials } = platform;
const { host, witness } = officials;
await platform.publish(OPENING, 15 * MINUTE);

/** Whichever kind of key an accepted certificate has, it logs in, lodges, decrypts and signs the record. */
const KINDS = ['sm2', 'p256', 'rsa'] as const;
const people = await Promise.all(KINDS.map((kind, index) => platform.bidder(index, kind)));
const [first, second, third] = people as [Person, Person, Person];
for (const [index, person] of people.entries())
  await lodge(person, OPENING, { envelope: await seal(platform, person, `${index + 1}000000.00`) });

t.test('before the window there is nothing to answer', async (t) => {
  await t.rejects(makeDecryption(first, OPENING), { code: 'window_not_open' });
  await platform.passUntil(OPENING, 'CheckIn');
  for (const person of people) await checkIn(person, OPENING);
  await platform.passUntil(OPENING, 'Sealed');
  await command(host, 'host', 'PublishRoster');
});

t.test('who waits hears it by the socket', async (t) => {
  const waits = people.map((person) => waitFor(person, OPENING, 'bidder', (state) => state.phase === 'Decrypting'));
  await command(host, 'host', 'OpenWindow');
  const states = await Promise.all(waits);
  const numbers = states.map((state, n) => numberOf(state, people[n]?.creditCode ?? ''));
  t.strictSame([...numbers].sort(), [1, 2, 3], 'each knows its number');
});

t.test('a challenge is not answered before the deadline that was signed, by one’s own clock', async (t) => {
  const early: Person = { ...first, world: { ...world, now: () => world.now() - 60 * MINUTE } };
  let isTouched = false;
  const watched: Person = {
    ...early,
    keys: {
      ...first.keys,
      async unwrapper(certSha256) {
        isTouched = true;
        return first.keys.unwrapper(certSha256);
      },
    },
  };
  await t.rejects(decrypt(watched, OPENING), { code: 'before_deadline' });
  t.notOk(isTouched, 'the key was not asked for');
});

t.test('a challenge under a forged or foreign proof is refused before the key is used', async (t) => {
  const challenge = await first.api.readDecryptionChallenge(OPENING);
  const withChallenge = (change: Partial<typeof challenge>): Person => ({
    ...first,
    api: { ...first.api, readDecryptionChallenge: async () => ({ ...challenge, ...change }) },
    keys: { ...first.keys, unwrapper: async () => t.fail('the key was asked for') as never },
  });
  const lines = challenge.window.proof.split('\n');
  const bent = lines.map((line, n) => (n === 2 ? `${line.slice(0, 4)}AAAA${line.slice(8)}` : line)).join('\n');
  await t.rejects(decrypt(withChallenge({ window: { ...challenge.window, proof: bent } }), OPENING), {
    code: 'window_not_proven',
  });
  const entry = challenge.window.entry.replace('"closesAt":"2026', '"closesAt":"2027');
  await t.rejects(decrypt(withChallenge({ window: { ...challenge.window, entry } }), OPENING), {
    code: 'window_not_proven',
  });
  const unsigned = challenge.window.proof.replace(/— (\S+) (\S{8})\S{8}/u, '— $1 $2AAAAAAAA');
  await t.rejects(decrypt(withChallenge({ window: { ...challenge.window, proof: unsigned } }), OPENING), {
    code: 'log_not_genuine',
  });
  const other = await second.api.readDecryptionChallenge(OPENING);
  await t.rejects(decrypt(withChallenge({ recipientInfos: other.recipientInfos }), OPENING), {
    code: 'header_differs',
  });
});

t.test('a renewed token is found out on one’s own side, and nothing is sent', async (t) => {
  const renewed: Person = { ...third, keys: await platform.keysOf(holderOf(2)) };
  await t.rejects(decrypt(renewed, OPENING), { code: 'envelope_for_another_certificate' });
  const { certSha256 } = await pickCertificate(renewed.keys, 'unwrap', world.now());
  const wrong: Person = {
    ...third,
    keys: { ...third.keys, unwrapper: () => renewed.keys.unwrapper(certSha256) },
  };
  await t.rejects(decrypt(wrong, OPENING), { code: 'unwrap_failed' });
  const other: Person = { ...third, keys: { ...third.keys, unwrapper: async () => async () => new Uint8Array(32) } };
  await t.rejects(decrypt(other, OPENING), { code: 'wrong_key' });
  const state = await catchUp(third, OPENING, 'bidder');
  const bid = state.bids.find(({ bidder }) => bidder === numberOf(state, third.creditCode));
  t.match(bid, { attempts: [], challengeAcknowledged: true });
});

t.test('a bid is decrypted; the receipt stands on the log, and the vault agrees', async (t) => {
  const received = await decrypt(first, OPENING);
  t.match(received, { type: 'DecryptionReceived', body: { attempt: 1 } });
  t.match(await outcomeOf(first, OPENING), { outcome: 'decrypted', attempt: 1 });
  await t.rejects(decrypt(first, OPENING), { code: 'already_decrypted' });
});

t.test('a decryption in a file is carried by somebody else, who need not be logged in', async (t) => {
  const file = await makeDecryption(second, OPENING);
  const carried = readDecryptionFile(JSON.stringify(file));
  const api = createApi({ origin: new URL(platform.url).origin, world, fetch });
  const swapped = { ...carried, jwe: (await makeDecryption(second, OPENING)).jwe };
  await t.rejects(handIn(api, swapped), { code: 'act_data_differs' }, 'a stranger cannot use up an attempt');
  t.match(await handIn(api, carried), { entries: [/DecryptionReceived/] });
  t.match(await outcomeOf(second, OPENING), { outcome: 'decrypted' });
  for (const junk of ['', '{}', '{"v":1}', '[]', '{"v":2,"openingId":"x","statement":"a","jwe":"b"}'])
    t.throws(() => readDecryptionFile(junk), { code: 'answer_not_as_asked' }, junk);
});

t.test('to the record, and what was signed is what the log says', async (t) => {
  await t.rejects(readRecord(first, OPENING), { code: 'no_record_shown' });
  await platform.passUntil(OPENING, 'Attribution');
  const { bids } = await catchUp(host, OPENING, 'host');
  const failed = bids.find(({ proposal }) => proposal !== null);
  t.equal(failed?.proposal?.verdict, 'deemed_revoked');
  const ruling = { bidder: failed?.bidder ?? 0, verdict: 'deemed_revoked', reason: '更换过密钥介质' };
  await command(host, 'host', 'GiveRuling', ruling);
  await command(witness, 'witness', 'GiveRuling', ruling);
  await command(host, 'host', 'AnnouncePrices');
  await command(host, 'host', 'IssueRecord', { note: '' });
  const record = await readRecord(first, OPENING);
  t.match(record.document, { openingId: OPENING, version: 1 });
  const { entries } = await answerRecord(first, OPENING);
  t.match(entries[0], { type: 'RecordSigned', body: { recordSha256: record.sha256 } });
  const refused = await answerRecord(second, OPENING, '工期有误');
  t.match(refused.entries[0], { type: 'RecordRefused' });
  await t.rejects(answerRecord(first, OPENING), { code: 'already_answered_record' });
});

t.test('what SM2 and P-256 keys signed verifies in an export', async (t) => {
  const { sql } = platform.db;
  const platformName = 'kaibiao.test';
  const origin = openingOrigin(platformName, OPENING);
  await until(async () => {
    await platform.pass(2_000);
    const found = await sql`SELECT 1 FROM ledger_heads h JOIN logs l ON l.origin = h.origin AND l.size = h.size
      WHERE l.origin = ${origin}`;
    return found.length > 0;
  });
  const folder = join(platform.folder, 'export');
  const text = async (path: string) => (await (await fetch(new URL(path, platform.url))).text()).trim();
  const { ledger } = JSON.parse(await text('/platform')) as { ledger: { origin: string; vkey: string } };
  await exportLog(sql, { origin, vkey: await text(`/logs/opening/${OPENING}/vkey`), folder, ledger });
  const judged = await verifySource(folderSource(folder), { trust: ledger.vkey, requireAllDisclosures: true });
  t.match(judged, { ok: true });
  const algorithms = new Set<string>();
  for await (const { path } of filesBelow(folder)) {
    if (!path.startsWith('disclosures/')) continue;
    const disclosures = JSON.parse(await readFile(join(folder, path), 'utf8')) as string[];
    for (const disclosure of disclosures) {
      const acts = Buffer.from(disclosure, 'base64url')
        .toString()
        .matchAll(/"(eyJ[\w-]+)\./g);
      for (const [, header = ''] of acts)
        algorithms.add((JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: string }).alg);
    }
  }
  t.ok(algorithms.has('SM2SM3') && algorithms.has('ES256'), [...algorithms].join(' '));
});

t.test('what a person kept holds for the next program', async (t) => {
  const again = await platform.enter(first.keys, 'bidder-0');
  const keeper = await (await again.pin(OPENING)).keeper();
  const size = keeper?.headSeen().size ?? 0;
  t.ok(size > 10);
  const state = await catchUp(again, OPENING);
  t.ok(state.size >= size);
  t.equal(state.prices?.known && state.prices.value.length, 2);
});

t.test('a server that shows less than before, or other things, is refused', async (t) => {
  const { readEntries } = first.api;
  const again = await platform.enter(first.keys, 'bidder-0');
  const shorter: Person = {
    ...again,
    api: {
      ...again.api,
      async readEntries(openingId, after, _limit, role) {
        const page = await readEntries(openingId, after, 1, role);
        return after === -1 ? { ...page, size: page.entries.length } : { ...page, entries: [] };
      },
    },
  };
  await t.rejects(catchUp(shorter, OPENING), { code: 'log_is_behind' });
  const dropping: Person = {
    ...first,
    api: { ...first.api, sendCommand: async (...sent) => ({ ...(await first.api.sendCommand(...sent)), proofs: [] }) },
  };
  const objection = { type: 'RaiseObjection', role: 'bidder', data: { text: '异议' } } as const;
  await t.rejects(act(dropping, OPENING, objection), { code: 'proof_does_not_hold' });
  const swapping: Person = {
    ...first,
    api: {
      ...first.api,
      async sendCommand(...sent) {
        const answer = await first.api.sendCommand(...sent);
        return {
          ...answer,
          entries: answer.entries.map((entry) => entry.replace('ObjectionRaised', 'ObjectionRaisee')),
        };
      },
    },
  };
  await t.rejects(act(swapping, OPENING, objection), { code: 'proof_does_not_hold' });
});

t.test('a wait outlasts a platform that is away, and can be ended', async (t) => {
  let asked = 0;
  const away: Person = {
    ...first,
    // Pauses are over at once.
    world: { ...world, after: (ms, alarm) => world.after(ms < 20_000 ? 0 : ms, alarm) },
    api: {
      ...first.api,
      async readEntries(...about) {
        asked++;
        if (asked < 4) throw new ApiError('unreachable', 0, 'no answer');
        return first.api.readEntries(...about);
      },
    },
  };
  t.equal((await waitFor(away, OPENING, 'public', () => true)).openingId, OPENING);
  t.equal(asked, 4);
  const end = new AbortController();
  const waited = waitFor(first, OPENING, 'public', () => false, end.signal);
  end.abort();
  await t.rejects(waited, { code: 'wait_ended' });
  await t.rejects(
    waitFor(first, 'no-such-opening', 'public', () => true),
    { code: 'no_such_opening' },
  );
});

t.test('a shed acknowledgement does not hold the decryption back', async (t) => {
  const sent: string[] = [];
  const person: Person = {
    ...first,
    api: {
      ...first.api,
      sendCommand: async (...about) => {
        sent.push(about[1].type);
        throw new ApiError('overloaded', 503, 'overloaded');
      },
      sendDecryption: async () => {
        sent.push('DecryptBid');
        throw new ApiError('window_is_over', 409, 'over');
      },
    },
  };
  await t.rejects(decrypt(person, OPENING), { code: 'window_is_over' });
  t.strictSame(sent, ['AcknowledgeChallenge', 'DecryptBid']);
});
