/** A bidder before the deadline, on the real server: lodging, replacing, withdrawing, checking in, rehearsing, each with a checked receipt. */
import { execFile } from 'node:child_process';
import { copyFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { act } from '../../../server/cli/person/act.ts';
import { checkIn } from '../../../server/cli/person/check-in.ts';
import { heldKeyAgent } from '../../../server/cli/person/held-keys.ts';
import { proveRegistered } from '../../../server/cli/person/ledger.ts';
import { lodge, readStanding } from '../../../server/cli/person/lodge.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { readOpening } from '../../../server/cli/person/read-opening.ts';
import { rehearse } from '../../../server/cli/person/rehearse.ts';
import { withdraw } from '../../../server/cli/person/withdraw.ts';
import { prepareArchive } from '../../../server/cli/seal/archive-source.ts';
import { ApiError } from '../../../server/client/transport.ts';
import { canonicalise } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { receiptKeyOf } from '../../../server/core/seal/receipt-key.ts';
import { sha256 } from '../../../server/hash.ts';
import { until } from '../../support/recorder.ts';
import t from '../../support/tap.ts';
import { heldKey, holderOf, listOf, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
await platform.publish(OPENING, 30 * MINUTE);
const { world } = platform;

/** The act's place in the ledger, as soon as a batch has taken it. */
async function registered(person: Person, actId: string | null) {
  let found: Awaited<ReturnType<typeof proveRegistered>> | undefined;
  world.jump(5_000);
  await until(async () => {
    try {
      found = await proveRegistered(person, OPENING, actId ?? '');
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'act_not_in_ledger_yet') throw error;
      world.jump(500);
    }
    return found !== undefined;
  });
  return found?.act;
}

t.test('a bid is lodged, its receipt checked and kept, its place in the ledger proven', async (t) => {
  const bidder = await platform.bidder(0);
  const envelope = await seal(platform, bidder, '1000000.00');
  const { bid, receipt, payload } = await lodge(bidder, OPENING, { envelope });
  t.match(receipt, { act: 'lodged', bidId: bid.bidId, aud: bidder.creditCode, openingId: OPENING });
  t.equal(receipt.envelopeSha256, payload.envelopeSha256);
  t.match(await readStanding(bidder, OPENING), { bid: { bidId: bid.bidId, receipt: bid.receipt } });
  t.match(await registered(bidder, bid.actId), { type: 'BidLodged', id: bid.actId, openingId: OPENING });

  await t.rejects(
    lodge(bidder, OPENING, { envelope }),
    { code: 'bid_already_lodged' },
    'a second one must say replace',
  );
  const better = await seal(platform, bidder, '900000.00');
  const second = await lodge(bidder, OPENING, { envelope: better, replace: true });
  t.match(second.receipt, { act: 'replaced', replaces: bid.bidId });

  const withdrawn = await withdraw(bidder, OPENING);
  t.match(withdrawn.receipt, { act: 'withdrawn', bidId: second.bid.bidId });
  t.equal(await readStanding(bidder, OPENING), null);
  await t.rejects(withdraw(bidder, OPENING), { code: 'no_kept_bid' });
  const again = await lodge(bidder, OPENING, { envelope });
  t.equal(again.receipt.act, 'lodged', 'after a withdrawal it may be lodged anew');
});

t.test('a statement whose answer was lost is sent again and gets its first answer', async (t) => {
  const keys = await platform.keysOf(holderOf(1));
  let isDeaf = true;
  const deaf: typeof fetch = async (url, init) => {
    const answer = await fetch(url, init);
    if (!isDeaf || !String(url).endsWith('/bids')) return answer;
    // It arrived, and the answer did not.
    return new Response('', { status: 500 });
  };
  const bidder = await platform.enter(keys, 'deaf', deaf);
  const envelope = await seal(platform, bidder, '1100000.00');
  await t.rejects(lodge(bidder, OPENING, { envelope }), { code: 'unreadable' });
  t.equal(await readStanding(bidder, OPENING), null, 'no receipt, no standing bid');
  const [signed] = await bidder.folder.bids(OPENING);
  t.match(signed, { receipt: null }, 'but the statement is kept');

  const moved = `${envelope}.moved`;
  await copyFile(envelope, moved);
  await rm(envelope);
  await t.rejects(lodge(bidder, OPENING, { envelope: moved }), { code: 'lodgement_unsettled' });
  await copyFile(moved, envelope);
  isDeaf = false;
  const { bid, receipt } = await lodge(bidder, OPENING, { envelope });
  t.equal(bid.bidId, signed?.bidId, 'the same bid, not a second one');
  t.equal(receipt.act, 'lodged');
});

t.test('an envelope from stock openssl is opened, promised and lodged', async (t) => {
  const bidder = await platform.bidder(2);
  const list = utf8(canonicalise(listOf(bidder.creditCode, '1200000.00')));
  const archive = await prepareArchive([{ name: 'opening-list.json', bytes: list }], false);
  const parts: Uint8Array[] = [];
  for await (const part of archive.read()) parts.push(part);
  const file = (name: string) => join(platform.folder, name);
  await writeFile(file('bid.zip'), Buffer.concat(parts));
  const certificate = (await bidder.keys.listCertificates()).find(({ canUnwrap }) => canUnwrap)?.certificate.der;
  await writeFile(file('encrypt.der'), certificate ?? new Uint8Array());
  const openssl = promisify(execFile);
  await openssl('openssl', ['x509', '-inform', 'DER', '-in', file('encrypt.der'), '-out', file('encrypt.pem')]);
  const sealing = ['cms', '-encrypt', '-stream', '-binary', '-aes-256-gcm', '-outform', 'DER'];
  const padding = ['-keyopt', 'rsa_padding_mode:oaep', '-keyopt', 'rsa_oaep_md:sha256'];
  const paths = ['-in', file('bid.zip'), '-out', file('stock.p7m'), '-recip', file('encrypt.pem')];
  await openssl('openssl', [...sealing, ...paths, ...padding]);
  const { receipt } = await lodge(bidder, OPENING, { envelope: file('stock.p7m') });
  t.equal(receipt.act, 'lodged');
});

t.test('what would be found at the announcement is found before lodging', async (t) => {
  const bidder = await platform.bidder(3);
  const otherLot = await seal(platform, bidder, '1.00', { lotId: 'LOT-2' });
  await t.rejects(lodge(bidder, OPENING, { envelope: otherLot }), { code: 'list_of_another_lot' });
  const otherName = await seal(platform, bidder, '2.00', { creditCode: holderOf(0).creditCode });
  await t.rejects(lodge(bidder, OPENING, { envelope: otherName }), { code: 'list_of_another_bidder' });
  const stranger = await platform.enter(await platform.keysOf(holderOf(3)), 'renewed');
  const envelope = await seal(platform, bidder, '3.00');
  await t.rejects(lodge(stranger, OPENING, { envelope }), { code: 'envelope_for_another_certificate' });
  t.strictSame(await bidder.folder.bids(OPENING), [], 'nothing was signed');
});

t.test('a refused lodgement leaves nothing to be sent again', async (t) => {
  const { issue } = platform.ca;
  const holder = holderOf(3);
  const [signing, encryption] = [await issue({ holder, usage: 'sign' }), await issue({ holder, usage: 'encrypt' })];
  const bidder = await platform.enter(heldKeyAgent([heldKey(signing), heldKey(encryption)]), 'refused');
  const envelope = await seal(platform, bidder, '4.00');
  const lying: Person = {
    ...bidder,
    api: { ...bidder.api, registerEncryptionCertificate: async () => ({ certSha256: '' }) },
  };
  await t.rejects(lodge(lying, OPENING, { envelope }), { code: 'encryption_certificate_unknown' });
  t.strictSame(await bidder.folder.bids(OPENING), []);
});

t.test('a receipt that says something else is refused, and kept as evidence', async (t) => {
  const honest = await platform.bidder(3);
  const other = (await platform.bidder(0)).folder;
  const [stolen] = (await other.bids(OPENING)).flatMap(({ receipt }) => (receipt === null ? [] : [receipt]));
  const answerWith = (receipt: string | null): Person => ({
    ...honest,
    api: {
      ...honest.api,
      sendBid: async () => ({ entries: [], proofs: [], checkpoint: null, receipt, actId: null }),
    },
  });
  const envelope = await seal(platform, honest, '5.00');
  const attempt = (receipt: string | null) => lodge(answerWith(receipt), OPENING, { envelope });
  await t.rejects(attempt(null), { code: 'receipt_missing' });
  await t.rejects(attempt(stolen ?? ''), { code: 'receipt_not_as_lodged' }, 'genuine, but about another bid');
  await t.rejects(attempt(`${stolen?.slice(0, -4)}AAAA`), { code: 'receipt_not_genuine' });
  await t.rejects(attempt('junk'), { code: 'receipt_not_genuine' });
  t.equal(await readStanding(honest, OPENING), null);
  const evidence = await readdir(join(honest.folder.path, 'openings', OPENING, 'evidence'));
  t.match(evidence[0], /^receipt-.*\.jws$/);
});

t.test('a receipt key that is not the ledger’s is nothing', async (t) => {
  const bidder = await platform.bidder(0);
  const stranger = receiptKeyOf(sha256, new Uint8Array(32).fill(9));
  const none = { ...stranger, ledger: '', entry: '', proof: '', goodUntil: null };
  const person: Person = { ...bidder, receiptKeys: async () => [none] };
  await t.rejects(readStanding(person, OPENING), { code: 'receipt_not_genuine' });
});

t.test('checking in and rehearsing are answered with receipts', async (t) => {
  const bidder = await platform.bidder(0);
  await t.rejects(checkIn(bidder, OPENING), { code: 'check_in_not_open' });
  const rehearsed = await rehearse(bidder, OPENING, { device: '测试' });
  // Fresh keys: not those the bid was sealed to.
  t.match(rehearsed, { unwrapped: true, warning: 'another_certificate' });
  t.ok(Math.abs(rehearsed.clockOffsetMs) < 5_000);

  await platform.passUntil(OPENING, 'CheckIn');
  const receipt = await checkIn(bidder, OPENING);
  t.match(receipt, { act: 'CheckedIn', aud: bidder.creditCode });
  t.same(await checkIn(bidder, OPENING), receipt, 'the first one stands, and its receipt is given again');
});

t.test('a key that cannot unwrap says so itself', async (t) => {
  const bidder = await platform.bidder(2);
  const broken: Person = {
    ...bidder,
    keys: { ...bidder.keys, unwrapper: async () => async () => new Uint8Array(32) },
  };
  t.match(await rehearse(broken, OPENING), { unwrapped: false });
});

t.test('a command is refused with the platform’s own code and sentence', async (t) => {
  const bidder = await platform.bidder(0);
  const asked = act(bidder, OPENING, { type: 'PublishRoster', role: 'host', data: {} });
  await t.rejects(asked, { code: 'role_not_held', status: 403 });
  const { state, terms } = await readOpening(bidder, OPENING);
  t.equal(state.phase, 'CheckIn');
  t.match(terms, { platform: 'kaibiao.test', openingId: OPENING, lotId: 'LOT-1', deadlineAt: state.deadlineAt });
});
