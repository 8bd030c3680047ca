/** Two of three holders open the second layer on the real server: the ceremony, bids of two layers good and bad, a wrong share, and the log that anyone verifies. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoCreditCode, writePair } from '../../../server/cli/demo/ca.ts';
import { EXIT } from '../../../server/cli/exit.ts';
import { exportLog } from '../../../server/cli/export-log.ts';
import { decrypt, outcomeOf } from '../../../server/cli/person/decrypt.ts';
import { acknowledge, deal, giveShare, offerKey } from '../../../server/cli/person/holding.ts';
import { lodge } from '../../../server/cli/person/lodge.ts';
import type { Person } from '../../../server/cli/person/person.ts';
import { catchUp, readOpening } from '../../../server/cli/person/read-opening.ts';
import { answerRecord } from '../../../server/cli/person/record.ts';
import { waitFor } from '../../../server/cli/person/wait-for.ts';
import { nodeSealing } from '../../../server/cli/seal/node-sealing.ts';
import { sealSecret } from '../../../server/cli/seal/seal-secret.ts';
import { openingCertificateIn } from '../../../server/client/dealt-key.ts';
import { pickCertificate } from '../../../server/client/key-agent.ts';
import { signLodgement } from '../../../server/client/lodge-statement.ts';
import { writeLayer } from '../../../server/client/seal-layer.ts';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { openingOrigin } from '../../../server/core/log/origin.ts';
import { numberOf } from '../../../server/core/opening/state.ts';
import { openingListDisclosure } from '../../../server/core/seal/commitments.ts';
import { startEnvelope } from '../../../server/core/seal/envelope.ts';
import { shareCommit } from '../../../server/core/seal/opening-key.ts';
import { sha256 } from '../../../server/hash.ts';
import { LOT } from '../../support/roadworks.ts';
import t from '../../support/tap.ts';
import { terminal } from '../../support/terminal.ts';
import { archiveOf } from '../../vault/bids.ts';
import { command, listOf, MINUTE, OPENING, seal, startPlatform } from './platform.ts';

const platform = await startPlatform(t);
const { officials, ca, url, world } = platform;
const { host, tenderer, witness, supervisor } = officials;
const { randomBytes } = world;
await platform.draft(OPENING, 15 * MINUTE, {
  decryptionWindowMs: 4 * MINUTE,
  archiveAfterMs: MINUTE,
  tendererLayer: { holders: 3, threshold: 2, windowMs: 10 * MINUTE },
});
const people = await Promise.all([0, 1, 2, 3].map((index) => platform.bidder(index)));
const [good, silent, flat, broken] = people as [Person, Person, Person, Person];

const run = terminal(world);

/** The witness at a terminal, with keys in a folder of its own and another session. */
const keys = join(platform.folder, 'witness');
await mkdir(keys);
const person = { creditCode: demoCreditCode(0), organisation: '交易中心', name: '见证', personId: 'C2' };
await writePair(keys, await ca.issuePair(person));
const asWitness = ['--role', 'witness', '--url', url, '--keys', keys];

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

/** Lodges a bid as a broken client does: its own layer in order, whatever lies under it. */
async function lodgeBroken(bidder: Person, spoil: (inner: Uint8Array) => Uint8Array): Promise<void> {
  const { terms, state } = await readOpening(bidder, OPENING);
  const openingCertificate = openingCertificateIn(sha256, state) ?? new Uint8Array(0);
  const { certificate, certSha256, x5c } = await pickCertificate(bidder.keys, 'unwrap', world.now());
  const list = listOf(bidder.creditCode, '5000000.00');
  const [cek, innerCek, archive] = [randomBytes(32), randomBytes(32), archiveOf(list)];
  const keyTransport = 'rsa_oaep_sha256';
  const means = nodeSealing(randomBytes);
  const inner = await writeLayer({ certificate: openingCertificate, keyTransport, cek: innerCek }, means);
  const innerBytes = spoil(await collect(inner.seal(archive.length, once(archive))));
  const outer = await writeLayer({ certificate: certificate.der, keyTransport, cek }, means);
  const bytes = await collect(outer.seal(innerBytes.length, once(innerBytes)));
  const reader = startEnvelope();
  reader.push(bytes);
  const promises = {
    envelopeSha256: toBase64Url(sha256(bytes)),
    envelopeBytes: bytes.length,
    recipientInfosSha256: toBase64Url(sha256(reader.header()?.recipientInfos ?? new Uint8Array(0))),
    encCertSha256: certSha256,
    openingListCommit: openingListDisclosure(sha256, innerCek, list).digest,
    ...(await outer.promises()),
    profile: 'kaibiao-seal-1' as const,
    layer: { openingCertSha256: toBase64Url(sha256(openingCertificate)), ...(await inner.promises()) },
  };
  const outside = { nowAt: world.now(), randomBytes, sha256 };
  const bid = { creditCode: bidder.creditCode, promises };
  const { statement, payload } = await signLodgement(terms, bid, bidder.signer, outside);
  await bidder.api.registerEncryptionCertificate(x5c);
  const open = () => new Blob([Uint8Array.from(bytes)]).stream() as ReadableStream<Uint8Array>;
  const answer = await bidder.api.sendBid(OPENING, { statement, sizeBytes: bytes.length, open });
  const kept = { bidId: payload.bidId, statement, envelope: '', receipt: answer.receipt, actId: answer.actId };
  await bidder.folder.keepBid(OPENING, kept);
  await bidder.folder.setStanding(OPENING, payload.bidId);
}

t.test('the ceremony: keys offered, an opening key dealt, every share acknowledged, then published', async (t) => {
  const publish = () => command(host, 'host', 'PublishOpening');
  await t.rejects(publish(), { code: 'opening_key_not_dealt' });
  await t.rejects(acknowledge(host, OPENING, 'host'), { code: 'no_dealt_share' });
  t.match(await offerKey(tenderer, OPENING, 'tenderer'), { body: { holder: 1, role: 'tenderer' } });
  t.match(await offerKey(host, OPENING, 'host'), { body: { holder: 2 } });
  await t.rejects(deal(tenderer, OPENING, 'tenderer'), { code: 'holders_missing' });
  t.match(await run('hold', OPENING, ...asWitness), { code: EXIT.done, out: /you are holder 3/ });
  const dealt = await deal(tenderer, OPENING, 'tenderer');
  t.match(dealt, { type: 'OpeningKeyDealt', body: { threshold: 2 } });
  await t.rejects(publish(), { code: 'shares_not_acknowledged' });
  t.match(await acknowledge(tenderer, OPENING, 'tenderer'), { type: 'ShareAcknowledged', body: { holder: 1 } });
  t.match(await acknowledge(host, OPENING, 'host'), { type: 'ShareAcknowledged' });
  t.equal(await acknowledge(host, OPENING, 'host'), null, 'a second time changes nothing');
  await t.rejects(publish(), { code: 'shares_not_acknowledged' });
  t.match(
    (await run('status', OPENING, ...asWitness)).out,
    /2 of 3 holders.*\n.*1, tenderer: share acknowledged.*\n.*\n.*3, witness: share not ack/,
  );
  // whoever offers again is dealt to again, and everyone acknowledges anew
  await offerKey(host, OPENING, 'host');
  await t.rejects(publish(), { code: 'opening_key_not_dealt' });
  t.equal((await run('deal', OPENING, ...asWitness)).code, EXIT.usage, 'the witness deals nothing');
  await deal(host, OPENING, 'host', [1, 2, 3]);
  t.match(await run('hold', OPENING, '--acknowledge', ...asWitness), { code: EXIT.done, out: /is what was dealt/ });
  await acknowledge(tenderer, OPENING, 'tenderer');
  await acknowledge(host, OPENING, 'host');
  await publish();
  await t.rejects(offerKey(host, OPENING, 'host'), { code: 'too_late' });
  t.match((await catchUp(good, OPENING)).layer, { key: { shares: [{ acknowledged: true }, {}, {}] }, given: [] });
});

t.test('bids are lodged in two layers and no other', async (t) => {
  const pem = join(platform.folder, 'opening.pem');
  t.match(await run('opening-key', OPENING, '--out', pem, ...asWitness.slice(2)), { code: EXIT.done });
  t.match(await readFile(pem, 'utf8'), /BEGIN CERTIFICATE/);
  for (const [index, bidder] of [good, silent].entries())
    await lodge(bidder, OPENING, { envelope: await seal(platform, bidder, `${index + 1}000000.00`) });
  await lodgeBroken(flat, () => archiveOf(listOf(flat.creditCode, '5000000.00')));
  await lodgeBroken(broken, (inner) => {
    inner[inner.length - 1] = (inner.at(-1) as number) ^ 1;
    return inner;
  });
  await t.rejects(giveShare(host, OPENING, 'host'), { code: 'no_unsealing' });
});

t.test('the window opens the bidders’ own layers; what is no second layer shows there', async (t) => {
  await platform.passUntil(OPENING, 'Sealed');
  await command(host, 'host', 'PublishRoster');
  await command(host, 'host', 'OpenWindow');
  for (const bidder of [good, flat, broken]) await decrypt(bidder, OPENING);
  t.match(await outcomeOf(good, OPENING), { outcome: 'decrypted' });
  t.match(await outcomeOf(broken, OPENING), { outcome: 'decrypted' }, 'under its own layer nobody can look yet');
  t.match(await outcomeOf(flat, OPENING), { outcome: 'layer_malformed' });
  const early = { commitment: toBase64Url(randomBytes(32)), sealed: 'a.b.c.d.e' };
  await t.rejects(command(host, 'host', 'UnsealLayer', early), { code: 'too_early' });
  await platform.passUntil(OPENING, 'TendererDecrypting');
  await t.rejects(command(host, 'host', 'AnnouncePrices'), { code: 'too_early' });
});

t.test('a wrong share is its holder’s on the log and may be sent again; two good ones open', async (t) => {
  const state = await catchUp(host, OPENING, 'host');
  if (state.window === null) throw new Error('no window');
  const { kid, key } = state.window;
  const wrong = randomBytes(33);
  const purpose = { about: 'unsealing_share', openingId: OPENING, holder: 2 } as const;
  const sealed = await sealSecret(wrong, { kid, key }, purpose);
  const give = async (commitment: string, jwe: string) => {
    const { entries } = await command(host, 'host', 'UnsealLayer', { commitment, sealed: jwe });
    return entries[0]?.body;
  };
  const dealt = state.layer.key?.shares[1]?.commitment ?? '';
  const own = shareCommit(sha256, purpose, wrong);
  t.match(await give(own, sealed), { holder: 2, why: 'other_commitment' });
  t.match(await give(dealt, sealed), { holder: 2, why: 'not_as_committed' });
  t.match(await give(dealt, 'a.b.c.d.e'), { holder: 2, why: 'does_not_open' });
  await t.rejects(command(supervisor, 'supervisor', 'UnsealLayer', { commitment: own, sealed }), {
    code: 'role_not_allowed',
  });
  // a fresh session of the same witness has no key of its own: the share is with whoever offered
  await t.rejects(giveShare(witness, OPENING, 'witness'), { code: 'no_dealt_share' });
  t.match(await giveShare(host, OPENING, 'host'), { type: 'LayerShareGiven', body: { holder: 2 } });
  await t.rejects(giveShare(host, OPENING, 'host'), { code: 'share_already_given' });
  t.match((await run('status', OPENING, ...asWitness)).out, /holder 2, host: share given; wrong shares: 3/);
  t.match(await run('unseal', OPENING, ...asWitness), { code: EXIT.done, out: /LayerShareGiven: proven/ });
  const done = await waitFor(host, OPENING, 'host', ({ phase }) => phase === 'Attribution');
  t.strictSame(done.layer.wrong, [2, 2, 2]);
  const bidOf = (bidder: Person) => done.bids[(numberOf(done, bidder.creditCode) ?? 0) - 1];
  t.match(bidOf(good), { isLayerOpen: true, attempts: [{ outcome: 'decrypted' }], proposal: null });
  t.match(bidOf(broken), { attempts: [{ outcome: 'tag_mismatch' }], proposal: { verdict: 'deemed_revoked' } });
  t.match(bidOf(flat), { proposal: { verdict: 'deemed_revoked' } });
  await t.rejects(giveShare(tenderer, OPENING, 'tenderer'), { code: 'no_unsealing' });
});

t.test(
  'it goes on as any opening: ruled, announced, handed over; the keys are gone, and the log is valid',
  async (t) => {
    const { bids } = await catchUp(host, OPENING, 'host');
    for (const { bidder, isLayerOpen } of bids)
      for (const [official, role] of [[host, 'host'] as const, [witness, 'witness'] as const])
        if (!isLayerOpen)
          await command(official, role, 'GiveRuling', { bidder, verdict: 'deemed_revoked', reason: '见日志' });
    await command(host, 'host', 'AnnouncePrices');
    const announced = await catchUp(good, OPENING, 'bidder');
    if (announced.prices?.known !== true) throw new Error('no prices');
    t.match(announced.prices.value, [{ creditCode: good.creditCode, quote: { amount: '1000000.00' } }]);
    await command(host, 'host', 'IssueRecord', { note: '' });
    await answerRecord(good, OPENING);
    await platform.pass(6 * MINUTE);
    const { record } = await catchUp(host, OPENING);
    await command(host, 'host', 'ProposeClose');
    await command(witness, 'witness', 'AttestClose', { version: 1, recordSha256: record?.sha256 ?? '' });
    await command(host, 'host', 'HandOver');
    const keysLeft = await platform.db.sql`
    SELECT FROM window_keys WHERE opening_id = ${OPENING} AND wrapped_private IS NOT NULL`;
    t.equal(keysLeft.length, 0, 'what was sealed to the window key, shares among it, stays sealed');
    t.equal(announced.details.lot.code, LOT);

    const origin = openingOrigin('kaibiao.test', OPENING);
    const vkey = (await (await fetch(`${url}/logs/opening/${OPENING}/vkey`)).text()).trimEnd();
    const folder = join(platform.folder, 'export');
    await exportLog(platform.db.sql, { origin, vkey, folder, ledger: null });
    await writeFile(join(folder, 'vkey'), `${vkey}\n`);
    t.match(await run('verify', folder), { code: EXIT.done, out: /valid/ });
  },
);
