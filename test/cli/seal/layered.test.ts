/** Sealing in two layers on the bidder's side: what comes out is opened again with both keys before it is kept, and lodging finds its promises. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adoptEnvelope } from '../../../server/cli/seal/adopt.ts';
import { takeContentKey } from '../../../server/cli/seal/backup.ts';
import { innerKeyFile } from '../../../server/cli/seal/inner-key.ts';
import { type SealRequest, sealBid } from '../../../server/cli/seal/seal.ts';
import { unwrapWith } from '../../../server/cli/seal/wrap.ts';
import { cekCommit } from '../../../server/core/seal/commitments.ts';
import { isLodgementPayload } from '../../../server/core/seal/lodgement.ts';
import { sha256 } from '../../../server/hash.ts';
import { openEnvelope, openOuter } from '../../../server/vault/open-envelope.ts';
import { systemWorld } from '../../../server/world.ts';
import t from '../../support/tap.ts';
import { archiveOf, BIDDER, LIST, OTHER, promisedOf, temporaryFolder } from '../../vault/bids.ts';
import { holdCeremony, INNER_CEK, innerEnvelope, layerKeyOf, storeLayered } from '../../vault/layered.ts';

const { randomBytes } = systemWorld;
const key = await layerKeyOf(await holdCeremony());
const { certificate } = key;
const unwrap = unwrapWith(BIDDER.privateKey);

async function sealed(t: Parameters<typeof temporaryFolder>[0], change: Partial<SealRequest> = {}) {
  const folder = await temporaryFolder(t);
  const out = join(folder, 'bid.p7m');
  const promises = await sealBid({
    openingList: LIST,
    documents: [{ name: '技术标.pdf', bytes: randomBytes(300_000) }],
    toolFacts: { v: 1 },
    certificate: BIDDER.certificate,
    keyTransport: 'rsa_oaep_sha256',
    compress: false,
    out,
    unwrap,
    randomBytes,
    openingCertificate: certificate,
    ...change,
  });
  return { out, promises };
}

t.test('a bid of two layers opens with both keys, and adopting it promises the same', async (t) => {
  for (const keyTransport of ['rsa_oaep_sha256', 'rsa_pkcs1_v15'] as const) {
    const { out, promises } = await sealed(t, { keyTransport });
    const adopted = await adoptEnvelope(out, BIDDER.certificate, unwrap, certificate);
    t.strictSame(adopted, { promises, openingList: LIST });
    const cek = await takeContentKey(out, BIDDER.certificate, unwrap);
    t.equal(cekCommit(sha256, cek), promises.cekCommit, 'the key that a backup keeps');
    const promised = promisedOf(promises);
    t.strictSame(await openOuter(out, cek, promised, { certificate, privateKey: null }), { ok: true });
    t.match(await openEnvelope(out, cek, promised, key), { ok: true, openingList: LIST, entries: 3 });
  }
});

t.test('without the inner key beside it, or with another opening’s certificate, it is not lodged', async (t) => {
  const { out } = await sealed(t);
  const adopt = (opening?: Uint8Array) => adoptEnvelope(out, BIDDER.certificate, unwrap, opening);
  const other = await holdCeremony();
  await t.rejects(adopt(other.dealt.certificate), { code: 'layer_for_another_key' });
  await t.rejects(adopt(), { code: 'archive_refused' }, 'as a bid of one layer its content is no archive');
  const kept = await readFile(innerKeyFile(out), 'utf8');
  await writeFile(innerKeyFile(out), kept.replace('"v":1,"recipientInfos":"', '"v":1,"recipientInfos":"AA'));
  await t.rejects(adopt(certificate), { code: 'inner_key_missing' });
  await writeFile(innerKeyFile(out), '[]');
  await t.rejects(adopt(certificate), { code: 'inner_key_missing' });
  await rm(innerKeyFile(out));
  await t.rejects(adopt(certificate), { code: 'inner_key_missing' });
  const plain = await sealed(t);
  await writeFile(innerKeyFile(plain.out), kept);
  await t.rejects(adoptEnvelope(plain.out, BIDDER.certificate, unwrap, certificate), { code: 'content_not_genuine' });
});

t.test('an envelope of one layer is none of two; a failed sealing leaves nothing', async (t) => {
  const { out } = await sealed(t);
  const one = await sealed(t);
  await rm(innerKeyFile(one.out));
  const folder = await temporaryFolder(t);
  const plain = join(folder, 'plain.p7m');
  const { openingCertificate: _none, ...request } = {
    openingList: LIST,
    documents: [],
    toolFacts: { v: 1 },
    certificate: BIDDER.certificate,
    keyTransport: 'rsa_oaep_sha256' as const,
    compress: false,
    out: plain,
    unwrap,
    randomBytes,
    openingCertificate: certificate,
  };
  await sealBid(request);
  await writeFile(innerKeyFile(plain), await readFile(innerKeyFile(out)));
  await t.rejects(adoptEnvelope(plain, BIDDER.certificate, unwrap, certificate), { code: 'layer_malformed' });
  const lost = join(folder, 'lost.p7m');
  const wrong = unwrapWith(OTHER.privateKey);
  await t.rejects(sealBid({ ...request, out: lost, unwrap: wrong, openingCertificate: certificate }));
  await t.rejects(readFile(lost), { code: 'ENOENT' });
  await t.rejects(readFile(innerKeyFile(`${lost}.part`)), { code: 'ENOENT' });
});

t.test('an inner layer of another profile than the outer one is not lodged', async (t) => {
  const { out } = await sealed(t);
  const folder = await temporaryFolder(t);
  for (const [outer, inner] of [
    ['kaibiao-seal-1', 'kaibiao-seal-sm-1'],
    ['kaibiao-seal-sm-1', 'kaibiao-seal-1'],
  ] as const) {
    const under = await innerEnvelope(certificate, archiveOf(), INNER_CEK, inner);
    const { path } = await storeLayered(folder, under.bytes, under.promises, outer);
    await writeFile(innerKeyFile(path), await readFile(innerKeyFile(out)));
    const adopting = adoptEnvelope(path, BIDDER.certificate, unwrap, certificate);
    await t.rejects(adopting, { code: 'layer_malformed', message: /other_profile/ }, `${inner} under ${outer}`);
  }
});

t.test('one key for both layers is no lodgement', async (t) => {
  const { promises } = await sealed(t);
  const id = 'AAAAAAAAAAAAAAAAAAAAAA';
  const payload = {
    v: 1,
    iss: LIST.creditCode,
    aud: 'kaibiao.test',
    openingId: 'zhangye-2026-001',
    lotId: LIST.lotId,
    bidId: id,
    iat: 1,
    jti: id,
    policyHash: promises.cekCommit,
    deadlineAt: '2026-03-02T01:00:00.000Z',
    ...promises,
    profile: 'kaibiao-seal-1',
  };
  t.ok(isLodgementPayload(payload));
  t.notOk(isLodgementPayload({ ...payload, layer: { ...promises.layer, cekCommit: promises.cekCommit } as never }));
});
