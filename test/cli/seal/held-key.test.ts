/** Keys held in files: PEM and PKCS#12 open with the right password, and their signatures and unwrapping are right. */
import { spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import forge from 'node-forge';
import { demoCreditCode, exportPkcs12, type Issued } from '../../../server/cli/demo/ca.ts';
import { heldKeyAgent } from '../../../server/cli/person/held-keys.ts';
import { type HeldKey, openPem, openPkcs12, signerOf } from '../../../server/cli/seal/held-key.ts';
import { unwrapKey, wrapTo } from '../../../server/cli/seal/wrap.ts';
import { pickCertificate } from '../../../server/client/key-agent.ts';
import { chooseKeyTransport } from '../../../server/client/key-transport.ts';
import { SealError } from '../../../server/client/seal-error.ts';
import { toBase64 } from '../../../server/core/log/base64.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { parseCertificate, parsePem } from '../../../server/core/pki/certificate.ts';
import {
  KEY_TRANSPORTS,
  type KeyTransport,
  type Recipient,
  RSA_TRANSPORTS,
} from '../../../server/core/seal/recipient-info.ts';
import { verifyJwsSignature } from '../../../server/identity/signature.ts';
import { goldenPath, goldenText } from '../../core/seal/golden.ts';
import { testCa } from '../../support/ca.ts';
import t from '../../support/tap.ts';
import { BIDDER, CEK, CURVE, holderFor, OTHER, SM2 } from '../../vault/bids.ts';

const KEY_PEM = goldenText('bidder.key.pem');
const CERTIFICATE_PEM = goldenText('bidder.crt.pem');
const OTHER_PEM = goldenText('other.crt.pem');
const { certificate } = BIDDER;

t.test('PEM: the first certificate is the key’s, the others are the chain', async (t) => {
  const held = openPem({ privateKey: KEY_PEM, certificates: CERTIFICATE_PEM + OTHER_PEM });
  t.strictSame(held.certificate, BIDDER.certificate);
  t.strictSame(held.chain, [OTHER.certificate]);
  const turned = { privateKey: KEY_PEM, certificates: OTHER_PEM + CERTIFICATE_PEM };
  t.throws(() => openPem(turned), { code: 'key_of_another_certificate' });
});

t.test('PEM: an encrypted key needs its passphrase', async (t) => {
  const privateKey = createPrivateKey(KEY_PEM)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: '密码 1' })
    .toString();
  const files = { privateKey, certificates: CERTIFICATE_PEM };
  t.strictSame(openPem({ ...files, passphrase: '密码 1' }).certificate, certificate);
  t.throws(() => openPem({ ...files, passphrase: 'wrong' }), { code: 'key_unreadable' });
  t.throws(() => openPem(files), { code: 'key_unreadable' });
});

t.test('PEM: junk is unreadable, and the error does not quote it', async (t) => {
  for (const files of [
    { privateKey: 'canary', certificates: CERTIFICATE_PEM },
    { privateKey: KEY_PEM, certificates: 'canary' },
    { privateKey: KEY_PEM.replace('MII', 'canary'), certificates: CERTIFICATE_PEM },
  ]) {
    t.throws(() => openPem(files), { code: 'key_unreadable', message: /^(?!.*canary)/ });
  }
});

t.test('PKCS#12 opens with key, certificate and chain', async (t) => {
  const file = exportPkcs12({ privateKeyPem: KEY_PEM, certificatePem: CERTIFICATE_PEM, chainPem: OTHER_PEM }, 'secret');
  const held = only(await openPkcs12(file, 'secret'));
  t.strictSame(held.certificate, BIDDER.certificate);
  t.strictSame(held.chain, [OTHER.certificate]);
  t.ok(held.privateKey.equals(BIDDER.privateKey));
  await t.rejects(openPkcs12(file, 'wrong'), { code: 'key_unreadable' });
  await t.rejects(openPkcs12(file.subarray(0, 200), 'secret'), { code: 'key_unreadable' });
});

/** Two files in one, under the first one's MAC made anew. */
function merged(some: Uint8Array, other: Uint8Array, password: string): Uint8Array {
  const { asn1, util, pkcs12, hmac } = forge;
  const read = (der: Uint8Array) => asn1.fromDer(Buffer.from(der).toString('latin1'));
  const inside = (node: forge.asn1.Asn1, ...path: number[]): forge.asn1.Asn1 =>
    path.reduce((at, n) => (at.value as forge.asn1.Asn1[])[n] as forge.asn1.Asn1, node);
  const file = read(some);
  const contentsOf = (node: forge.asn1.Asn1) => inside(node, 1, 1, 0);
  const parts = [file, read(other)].flatMap(
    (node) => asn1.fromDer(contentsOf(node).value as string).value as forge.asn1.Asn1[],
  );
  const safe = asn1.toDer(asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, parts)).getBytes();
  contentsOf(file).value = safe;
  const rounds = asn1.derToInteger(inside(file, 2, 2).value as string);
  const key = pkcs12.generateKey(password, util.createBuffer(inside(file, 2, 1).value as string), 3, rounds, 20);
  const mac = hmac.create();
  mac.start('sha1', key);
  mac.update(safe);
  inside(file, 2, 0, 1).value = mac.digest().getBytes();
  return Uint8Array.from(Buffer.from(asn1.toDer(file).getBytes(), 'latin1'));
}

t.test(
  'PKCS#12 with a pair: the certificates’ usage says which key does what, and two of one use are refused',
  async (t) => {
    const ca = await testCa({ name: 'Pair', at: Date.now() });
    const holder = { creditCode: demoCreditCode(1), organisation: '公司', name: '公司' };
    const issue = (usage: 'sign' | 'encrypt') => ca.issue({ holder, usage, key: 'rsa' });
    const [signing, encryption, renewed] = await Promise.all([issue('sign'), issue('encrypt'), issue('encrypt')]);
    const files = [signing, encryption, renewed].map((issued) =>
      exportPkcs12({ ...issued, chainPem: '' }, 'secret'),
    ) as [Uint8Array, Uint8Array, Uint8Array];
    const both = await openPkcs12(merged(files[0], files[1], 'secret'), 'secret');
    t.equal(both.length, 2);
    const agent = heldKeyAgent(both);
    const picked = async (use: 'sign' | 'unwrap') => (await pickCertificate(agent, use, Date.now())).certificate.der;
    const derOf = ({ certificatePem }: Issued) => parsePem(certificatePem)[0]?.der;
    t.strictSame(await picked('sign'), derOf(signing));
    t.strictSame(await picked('unwrap'), derOf(encryption));
    const twice = heldKeyAgent(await openPkcs12(merged(files[1], files[2], 'secret'), 'secret'));
    await t.rejects(pickCertificate(twice, 'unwrap', Date.now()), { code: 'several_keys' });
  },
);

const only = (held: readonly HeldKey[]): HeldKey => {
  const [one, ...more] = held;
  if (one === undefined || more.length > 0) throw new Error(`${held.length} keys`);
  return one;
};

/** As a CA hands it out: made by openssl from a golden key. */
function opensslPkcs12(name: string, password: string, ...more: string[]): Uint8Array {
  const files = ['-inkey', goldenPath(`${name}.key.pem`), '-in', goldenPath(`${name}.crt.pem`)];
  const made = spawnSync('openssl', ['pkcs12', '-export', ...files, '-passout', 'stdin', '-iter', '100', ...more], {
    input: `${password}\n`,
  });
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return Uint8Array.from(made.stdout);
}
const skip = spawnSync('openssl', ['version']).error === undefined ? false : 'no openssl here';

t.test(
  'PKCS#12 by openssl: SM2, P-256 and RSA, in every cipher that CAs use, also with a password in Chinese',
  { skip },
  async (t) => {
    const sm = ['-keypbe', 'SM4-CBC', '-certpbe', 'SM4-CBC', '-macalg', 'sm3'];
    const old = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'];
    const open = ['-keypbe', 'NONE', '-certpbe', 'NONE', '-macalg', 'sha512'];
    for (const [name, held] of [
      ['sm2', SM2],
      ['curve', CURVE],
      ['bidder', BIDDER],
    ] as const)
      for (const [how, more] of Object.entries({ today: [], sm, old, open }))
        for (const password of ['secret', '密码 1']) {
          const read = only(await openPkcs12(opensslPkcs12(name, password, ...more), password));
          t.strictSame(read.certificate, held.certificate, `${name} ${how} ${password}`);
          t.strictSame(read.chain, []);
        }
    const held = only(await openPkcs12(opensslPkcs12('sm2', 'secret'), 'secret'));
    const wrapped = wrapTo(held.certificate, 'sm2', CEK);
    t.strictSame(Uint8Array.from(unwrapKey(wrapped, held.privateKey)), CEK, 'it unwraps');
    const data = utf8('header.payload');
    const { alg, sign } = signerOf(held);
    t.equal(alg, 'SM2SM3');
    t.ok(verifyJwsSignature({ alg, key: { certificate: held.certificate }, data, signature: await sign(data) }));
  },
);

t.test('PKCS#12: another password, no MAC, no key in it, or any byte changed is no key', { skip }, async (t) => {
  const file = opensslPkcs12('sm2', 'secret');
  for (const password of ['', 'Secret', '密码 1'])
    await t.rejects(openPkcs12(file, password), { code: 'key_unreadable' }, password);
  await t.rejects(openPkcs12(opensslPkcs12('sm2', 'secret', '-nomac'), 'secret'), { code: 'key_unreadable' });
  const unfit = spawnSync('openssl', [
    'pkcs12',
    '-export',
    '-nokeys',
    '-in',
    goldenPath('sm2.crt.pem'),
    '-passout',
    'pass:secret',
  ]);
  await t.rejects(openPkcs12(unfit.stdout, 'secret'), { code: 'key_unreadable' }, 'no key in it');
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Uint8Array.from(file, (byte, i) => (i === at ? byte ^ change : byte));
      try {
        // the MAC binds all that is read; what it does not bind may change nothing
        return Buffer.from(only(await openPkcs12(changed, 'secret')).certificate).equals(SM2.certificate);
      } catch (error) {
        return error instanceof SealError && error.code === 'key_unreadable';
      }
    }),
    { numRuns: 150 },
  );
});

/** A key of an SM2 authority, as its folder would hold it. */
async function sm2Key(usage: 'sign' | 'encrypt') {
  const ca = await testCa({ name: 'Held', at: Date.UTC(2026, 0, 1), key: 'sm2' });
  const holder = { creditCode: demoCreditCode(1), organisation: '甲公司', name: '甲公司' };
  const { privateKeyPem, certificatePem, chainPem } = await ca.issue({ holder, usage });
  return openPem({ privateKey: privateKeyPem, certificates: certificatePem + chainPem });
}

t.test('PEM: an SM2 key must be its certificate’s, too', async (t) => {
  const [one, other] = [await sm2Key('sign'), await sm2Key('sign')];
  const pem = (der: Uint8Array) => `-----BEGIN CERTIFICATE-----\n${toBase64(der)}\n-----END CERTIFICATE-----\n`;
  const privateKey = one.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  t.strictSame(openPem({ privateKey, certificates: pem(one.certificate) }).certificate, one.certificate);
  t.throws(() => openPem({ privateKey, certificates: pem(other.certificate) }), { code: 'key_of_another_certificate' });
});

t.test('signatures verify as JWS in each algorithm', async (t) => {
  const data = utf8('header.payload');
  const signers = [signerOf(BIDDER), signerOf(BIDDER, 'PS256'), signerOf(CURVE), signerOf(await sm2Key('sign'))];
  t.strictSame(
    signers.map(({ alg }) => alg),
    ['RS256', 'PS256', 'ES256', 'SM2SM3'],
  );
  for (const signer of signers) {
    const { alg, certificate } = signer;
    const signature = await signer.sign(data);
    t.ok(verifyJwsSignature({ alg, key: { certificate }, data, signature }), alg);
    t.notOk(verifyJwsSignature({ alg, key: { certificate }, data: utf8('header.other'), signature }));
  }
});

const wrapped = (keyTransport: KeyTransport, cek: Uint8Array = CEK): Recipient =>
  wrapTo(holderFor(keyTransport).certificate, keyTransport, cek);
const keyFor = ({ keyTransport }: Recipient): KeyObject => holderFor(keyTransport).privateKey;

t.test('a content key is wrapped and unwrapped in each way, and by no other key', async (t) => {
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const foreignSm2 = generateKeyPairSync('ec', { namedCurve: 'SM2' }).privateKey;
  for (const keyTransport of KEY_TRANSPORTS) {
    const recipient = wrapped(keyTransport);
    t.strictSame(Uint8Array.from(unwrapKey(recipient, keyFor(recipient))), CEK, keyTransport);
    for (const key of [OTHER.privateKey, foreign, foreignSm2])
      t.throws(() => unwrapKey(recipient, key), { code: 'unwrap_failed' }, keyTransport);
  }
});

t.test('a wrapped key read in another way, spoilt, or of another length does not come out', async (t) => {
  for (const keyTransport of KEY_TRANSPORTS) {
    const recipient = wrapped(keyTransport);
    for (const other of RSA_TRANSPORTS.filter((name) => name !== keyTransport)) {
      const { encryptedKey, identifier } = recipient;
      const read: Recipient = { keyTransport: other, encryptedKey, identifier };
      t.throws(() => unwrapKey(read, BIDDER.privateKey), { code: 'unwrap_failed' }, `${keyTransport} as ${other}`);
    }
    for (const length of [16, 24, 40]) {
      const short = wrapped(keyTransport, new Uint8Array(length));
      t.throws(() => unwrapKey(short, keyFor(short)), { code: 'unwrap_failed' }, `${length} bytes`);
    }
    const encryptedKey = Uint8Array.from(recipient.encryptedKey);
    encryptedKey[20] = (encryptedKey[20] as number) ^ 1;
    t.throws(() => unwrapKey({ ...recipient, encryptedKey }, keyFor(recipient)), { code: 'unwrap_failed' });
  }
});

t.test('a point that is not on the curve never meets the private key', async (t) => {
  const recipient = wrapped('ecdh_p256');
  if (recipient.keyTransport !== 'ecdh_p256') throw new Error('another way');
  for (const spoil of [(point: Uint8Array) => point.fill(0, 1), (point: Uint8Array) => point.fill(7, 40)]) {
    const ephemeralKey = spoil(Uint8Array.from(recipient.ephemeralKey));
    t.throws(() => unwrapKey({ ...recipient, ephemeralKey }, CURVE.privateKey), { code: 'unwrap_failed' });
  }
});

t.test(
  'the way a content key travels is the certificate’s, or the one asked for where its key can do it',
  async (t) => {
    const [rsa, p256] = [BIDDER, CURVE].map((held) => parseCertificate(held.certificate));
    if (!rsa || !p256) throw new Error('no certificates');
    t.equal(chooseKeyTransport(rsa), 'rsa_oaep_sha256');
    t.equal(chooseKeyTransport(rsa, 'rsa_pkcs1_v15'), 'rsa_pkcs1_v15');
    t.equal(chooseKeyTransport(p256), 'ecdh_p256');
    t.equal(chooseKeyTransport(parseCertificate(SM2.certificate)), 'sm2');
    t.throws(() => chooseKeyTransport(p256, 'sm2'), { code: 'transport_not_for_key' });
    t.throws(() => chooseKeyTransport(rsa, 'ecdh_p256'), { code: 'transport_not_for_key' });
    t.throws(() => chooseKeyTransport(p256, 'rsa_oaep_sha256'), { code: 'transport_not_for_key' });
    const ed25519 = { ...p256, keyAlgorithm: { oid: '1.3.101.112' } };
    t.throws(() => chooseKeyTransport(ed25519), { code: 'transport_not_for_key' });
  },
);
