/** SM2 certificates: chains of the demo's SM2 authority, OpenSSL's opinion link by link, and signatures that only look right. */
import { spawnSync } from 'node:child_process';
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoCreditCode, makeKey } from '../../server/cli/demo/ca.ts';
import { readSm2Signature, writeSm2Signature } from '../../server/core/gm/der.ts';
import { joinBytes } from '../../server/core/log/bytes.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { type Certificate, parsePem } from '../../server/core/pki/certificate.ts';
import { verifyChain } from '../../server/core/pki/chain.ts';
import { verifyCertificateSignature } from '../../server/identity/signature.ts';
import { sm2PrivateKey } from '../../server/sm2.ts';
import { testCa } from '../support/ca.ts';
import { newFolder } from '../support/folder.ts';
import t from '../support/tap.ts';

const at = Date.parse('2026-03-02T01:00:00.000Z');
const holder = { creditCode: demoCreditCode(1), organisation: '甲公司', name: '甲公司' };
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl here';
const SM2_WITH_SM3 = '1.2.156.10197.1.501';

const ca = await testCa({ name: 'SM2', at, key: 'sm2' });
const pair = await ca.issuePair(holder);
const [root, middle, leaf, encryption] = [
  ca.rootPem,
  ca.intermediatePem,
  pair.signing.certificatePem,
  pair.encryption.certificatePem,
].map(only) as [Certificate, Certificate, Certificate, Certificate];

function only(pem: string): Certificate {
  const [certificate] = parsePem(pem);
  if (certificate === undefined) throw new Error('no certificate');
  return certificate;
}

const chain = {
  leaf,
  intermediates: [middle],
  anchors: [root],
  at,
  revocation: 'ignored',
  verifySignature: verifyCertificateSignature,
} as const;

t.test('a double certificate under an SM2 root: each of the two for its own use', async (t) => {
  t.equal(leaf.signatureAlgorithm.oid, SM2_WITH_SM3);
  t.match(verifyChain({ ...chain, purpose: 'sign' }), { ok: true });
  t.match(verifyChain({ ...chain, leaf: encryption, purpose: 'encrypt' }), { ok: true });
  t.match(verifyChain({ ...chain, leaf: encryption, purpose: 'sign' }), { reason: 'key_usage' });
  t.match(verifyChain({ ...chain, leaf: { ...leaf, tbs: encryption.tbs }, purpose: 'sign' }), {
    reason: 'bad_signature',
  });
});

t.test('OpenSSL takes every link of it under the usual identity', { skip }, async (t) => {
  const folder = await newFolder(t);
  mkdirSync(folder);
  for (const [name, pem] of [
    ['root', ca.rootPem],
    ['middle', ca.intermediatePem],
    ['leaf', pair.signing.certificatePem],
  ] as const)
    writeFileSync(join(folder, name), pem);
  const common = ['verify', '-x509_strict', '-partial_chain', '-attime', String(at / 1000)];
  const takes = (issuer: string, certificate: string, identity: string): boolean =>
    spawnSync('openssl', [...common, '-vfyopt', identity, '-trusted', issuer, certificate], { cwd: folder }).status ===
    0;
  t.ok(takes('root', 'middle', 'distid:1234567812345678'));
  t.ok(takes('middle', 'leaf', 'distid:1234567812345678'));
  t.notOk(takes('middle', 'leaf', 'distid:8765432187654321'));
});

t.test('only SM2 with SM3 under the usual identity is a signature of an SM2 key', async (t) => {
  const privateKey = await makeKey('sm2');
  const key = sm2PrivateKey(privateKey);
  if (key === undefined) throw new Error('no SM2 key');
  const spkiOf = (of: KeyObject) => new Uint8Array(createPublicKey(of).export({ type: 'spki', format: 'der' }));
  const spki = spkiOf(privateKey);
  const data = utf8('to be signed');
  const signature = writeSm2Signature(key.sign(data));
  const oid = SM2_WITH_SM3;
  const verify = (changes: object): boolean =>
    verifyCertificateSignature({ algorithm: { oid }, spki, data, signature, ...changes });
  t.ok(verify({}));
  t.ok(verify({ algorithm: { oid, parameters: Uint8Array.of(5, 0) } }), 'NULL for parameters, as some CAs write');
  t.notOk(verify({ algorithm: { oid, parameters: Uint8Array.of(4, 0) } }));
  t.notOk(verify({ data: utf8('to be signed!') }));
  t.notOk(verify({ signature: key.sign(data) }), 'r ‖ s where DER is due');
  t.notOk(verify({ signature: joinBytes(signature, Uint8Array.of(0)) }), 'bytes behind the signature');
  t.ok(readSm2Signature(signature));

  const ecdsa = new Uint8Array(sign('sm3', data, privateKey));
  t.notOk(verify({ signature: ecdsa }), 'what crypto.sign makes of an SM2 key');
  const p256 = await makeKey('p256');
  const byP256 = { spki: spkiOf(p256), signature: new Uint8Array(sign('sha256', data, p256)) };
  t.ok(verify({ algorithm: { oid: '1.2.840.10045.4.3.2' }, ...byP256 }), 'ECDSA by P-256 is what it says');
  t.notOk(verify(byP256), 'and not SM2');
  const ecdsaSha256 = new Uint8Array(sign('sha256', data, privateKey));
  t.notOk(
    verify({ algorithm: { oid: '1.2.840.10045.4.3.2' }, signature: ecdsaSha256 }),
    'nor is ECDSA on the curve of SM2 taken',
  );
});
