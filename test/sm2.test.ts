/** SM2 signatures over Node.js: the numbers of the standard, OpenSSL's command line both ways, and the traps beside the right call. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSm2PublicKey } from '../server/core/gm/curve.ts';
import { readSm2Ciphertext, readSm2Signature, writeSm2Ciphertext, writeSm2Signature } from '../server/core/gm/der.ts';
import { decryptSm2, encryptSm2 } from '../server/core/gm/encryption.ts';
import { sm2PrivateKey, sm3, verifySm2 } from '../server/sm2.ts';
import { systemWorld } from '../server/world.ts';
import { PRIVATE_KEY, PUBLIC_KEY, SIGNED } from './core/gm/vectors.ts';
import { newFolder } from './support/folder.ts';
import t from './support/tap.ts';

const IDENTITY = 'distid:1234567812345678';
/** Whether the machine has OpenSSL's command line. */
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl here';
const openssl = (...argv: string[]): Buffer => execFileSync('openssl', argv, { stdio: ['ignore', 'pipe', 'pipe'] });

/** The standard's key as PKCS#8, and a fresh one of OpenSSL's. */
function standardKey(): KeyObject {
  const head = Buffer.from('308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420', 'hex');
  const der = Buffer.concat([head, PRIVATE_KEY, Buffer.from('a144034200', 'hex'), PUBLIC_KEY]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function keyOf(privateKey: KeyObject) {
  const key = sm2PrivateKey(privateKey);
  if (key === undefined) throw new Error('no SM2 key');
  return key;
}

t.test('the signature of GM/T 0003.5 verifies, and nothing near it', async (t) => {
  const { message, signature } = SIGNED;
  t.ok(verifySm2(PUBLIC_KEY, message, signature));
  for (const at of [0, 31, 32, 63]) {
    const other = signature.slice();
    other[at] = (other[at] ?? 0) ^ 1;
    t.notOk(verifySm2(PUBLIC_KEY, message, other), `byte ${at} changed`);
  }
  t.notOk(verifySm2(PUBLIC_KEY, message.subarray(1), signature));
  t.notOk(verifySm2(PUBLIC_KEY, message, writeSm2Signature(signature)), 'DER where r ‖ s is due');
  t.notOk(verifySm2(PUBLIC_KEY, message, new Uint8Array(64)), 'zeros');
});

t.test('keys come out as they went in, and other kinds are none', async (t) => {
  const key = keyOf(standardKey());
  t.strictSame(key.publicKey, PUBLIC_KEY);
  t.strictSame(key.scalar(), PRIVATE_KEY);
  t.ok(verifySm2(PUBLIC_KEY, SIGNED.message, key.sign(SIGNED.message)));
  t.equal(sm2PrivateKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey), undefined);
  t.equal(sm2PrivateKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey), undefined);
});

t.test('a key made in this process signs SM2 all the same', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'SM2' });
  const key = keyOf(privateKey);
  const signature = key.sign(SIGNED.message);
  t.ok(verifySm2(key.publicKey, SIGNED.message, signature));
  t.notOk(verify('sm3', SIGNED.message, publicKey, writeSm2Signature(signature)), 'ECDSA would be another signature');
});

t.test(
  'OpenSSL and we take each other’s signatures under the usual identity, and only under it',
  { skip },
  async (t) => {
    const folder = await newFolder(t);
    mkdirSync(folder);
    const file = (name: string): string => join(folder, name);
    openssl('genpkey', '-algorithm', 'SM2', '-out', file('key.pem'));
    openssl('pkey', '-in', file('key.pem'), '-pubout', '-out', file('public.pem'));
    const key = keyOf(createPrivateKey(openssl('pkey', '-in', file('key.pem'))));
    const message = systemWorld.randomBytes(1000);
    writeFileSync(file('message'), message);

    const digestSign = (identity: string): Uint8Array =>
      openssl('dgst', '-sm3', '-sign', file('key.pem'), '-sigopt', identity, file('message'));
    const theirs = readSm2Signature(digestSign(IDENTITY));
    t.ok(theirs && verifySm2(key.publicKey, message, theirs));
    const other = readSm2Signature(digestSign('distid:8765432187654321'));
    t.ok(other && !verifySm2(key.publicKey, message, other), 'another identity is another signature');

    writeFileSync(file('signature'), writeSm2Signature(key.sign(message)));
    const common = ['-in', file('message'), '-sigfile', file('signature'), '-inkey', file('public.pem'), '-pubin'];
    const check = (...identity: string[]): string =>
      openssl('pkeyutl', '-verify', '-rawin', '-digest', 'sm3', ...common, ...identity).toString();
    t.match(check('-pkeyopt', IDENTITY), /Verified Successfully/);
    t.throws(() => check('-pkeyopt', 'distid:8765432187654321'));
  },
);

t.test('OpenSSL and we open each other’s ciphertexts', { skip }, async (t) => {
  const folder = await newFolder(t);
  mkdirSync(folder);
  const file = (name: string): string => join(folder, name);
  openssl('genpkey', '-algorithm', 'SM2', '-out', file('key.pem'));
  openssl('pkey', '-in', file('key.pem'), '-pubout', '-out', file('public.pem'));
  const key = keyOf(createPrivateKey(openssl('pkey', '-in', file('key.pem'))));
  const message = systemWorld.randomBytes(32);
  writeFileSync(file('message'), message);

  openssl(
    'pkeyutl',
    '-encrypt',
    '-pubin',
    '-inkey',
    file('public.pem'),
    '-in',
    file('message'),
    '-out',
    file('theirs'),
  );
  const theirs = readSm2Ciphertext(readFileSync(file('theirs')));
  t.ok(theirs);
  t.strictSame(theirs && decryptSm2(sm3, key.scalar(), theirs), message);

  writeFileSync(file('ours'), writeSm2Ciphertext(encryptSm2(sm3, key.publicKey, message, systemWorld.randomBytes)));
  const opened = openssl('pkeyutl', '-decrypt', '-inkey', file('key.pem'), '-in', file('ours'));
  t.strictSame(new Uint8Array(opened), message);
});

t.test('a public key written by us is the one OpenSSL writes', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'SM2' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  t.strictSame(writeSm2PublicKey(keyOf(privateKey).publicKey), spki);
});
