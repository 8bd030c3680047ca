/** The key agent over files: what it lists, for what each key may be used, and that OpenSSL reads the same files. */
import { execFile } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { demoCreditCode, exportPkcs12, writePair } from '../../../server/cli/demo/ca.ts';
import { heldKeyAgent, openKeyFolder, openPkcs12Files } from '../../../server/cli/person/held-keys.ts';
import { openPem } from '../../../server/cli/seal/held-key.ts';
import { wrapTo } from '../../../server/cli/seal/wrap.ts';
import { KeyAgentError, pickCertificate } from '../../../server/client/key-agent.ts';
import { SealError } from '../../../server/client/seal-error.ts';
import { RSA_TRANSPORTS } from '../../../server/core/seal/recipient-info.ts';
import { testCa } from '../../support/ca.ts';
import t from '../../support/tap.ts';

const run = promisify(execFile);
const at = Date.parse('2026-03-02T01:00:00.000Z');
const folder = await mkdtemp(join(tmpdir(), 'kaibiao-keys-'));
t.teardown(() => rm(folder, { recursive: true }));
const ca = await testCa({ name: 'Agent', at });
const pair = await ca.issuePair({ creditCode: demoCreditCode(1), organisation: '甲公司', name: '甲公司' });
await writePair(join(folder, 'a'), pair);
await writeFile(join(folder, 'sign.p12'), exportPkcs12(pair.signing, 'secret'));
await writeFile(join(folder, 'encrypt.p12'), exportPkcs12(pair.encryption, 'secret'));
const openssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: unknown) => (error instanceof KeyAgentError || error instanceof SealError ? error.code : String(error)),
  );

t.test('a folder: two certificates, each for its use', async (t) => {
  const agent = await openKeyFolder(join(folder, 'a'));
  const [signing, encryption] = await agent.listCertificates();
  t.match(signing, { canSign: true, canUnwrap: false });
  t.match(encryption, { canSign: false, canUnwrap: true });
  t.equal(signing?.x5c.length, 2);
  t.equal((await pickCertificate(agent, 'sign', at)).certSha256, signing?.certSha256);
  t.equal((await pickCertificate(agent, 'unwrap', at)).certSha256, encryption?.certSha256);
});

t.test('keys are for their owner’s eyes only', async (t) => {
  for (const name of ['sign.key', 'encrypt.key']) t.equal((await stat(join(folder, 'a', name))).mode & 0o777, 0o600);
});

t.test('it signs, and only with the signing key', async (t) => {
  const agent = await openKeyFolder(join(folder, 'a'));
  const { certSha256, certificate } = await pickCertificate(agent, 'sign', at);
  const signer = await agent.signer(certSha256);
  const data = Buffer.from('data');
  const key = createPublicKey({ key: Buffer.from(certificate.spki), format: 'der', type: 'spki' });
  t.ok(verify('sha256', data, key, await signer.sign(data)));
  const encryption = await pickCertificate(agent, 'unwrap', at);
  t.equal(await codeOf(agent.signer(encryption.certSha256)), 'key_not_for_this');
  t.equal(await codeOf(agent.unwrapper(certSha256)), 'key_not_for_this');
  t.equal(await codeOf(agent.signer('unknown')), 'key_not_held');
});

t.test('it unwraps a content key, and only with the encryption key', async (t) => {
  const agent = await openKeyFolder(join(folder, 'a'));
  const { certSha256, certificate } = await pickCertificate(agent, 'unwrap', at);
  const cek = new Uint8Array(32).fill(7);
  const unwrap = await agent.unwrapper(certSha256);
  for (const keyTransport of RSA_TRANSPORTS) {
    const recipient = wrapTo(certificate.der, keyTransport, cek);
    t.ok(Buffer.from(await unwrap(recipient)).equals(cek), keyTransport);
  }
});

t.test('PKCS#12: the same keys; a wrong password opens nothing', async (t) => {
  const paths = [join(folder, 'sign.p12'), join(folder, 'encrypt.p12')];
  const agent = await openPkcs12Files(paths, 'secret');
  const fromFolder = await openKeyFolder(join(folder, 'a'));
  t.strictSame(
    (await agent.listCertificates()).map(({ certSha256, x5c }) => [certSha256, x5c]),
    (await fromFolder.listCertificates()).map(({ certSha256, x5c }) => [certSha256, x5c]),
  );
  t.equal(await codeOf(openPkcs12Files(paths, 'wrong')), 'key_unreadable');
});

t.test('PKCS#12: OpenSSL opens what we export', { skip: openssl ? false : 'no openssl here' }, async (t) => {
  const args = ['pkcs12', '-in', join(folder, 'sign.p12'), '-passin', 'pass:secret', '-nodes'];
  const { stdout } = await run('openssl', args);
  t.match(stdout, /BEGIN PRIVATE KEY/);
  t.equal(stdout.match(/BEGIN CERTIFICATE/g)?.length, 2);
});

t.test('which certificate is meant is not guessed', async (t) => {
  const key = ({ certificatePem, chainPem, privateKeyPem }: typeof pair.signing) =>
    openPem({ certificates: certificatePem + chainPem, privateKey: privateKeyPem });
  const renewed = await ca.issue({ holder: pair.holder, usage: 'sign' });
  const expired = await ca.issue({ holder: pair.holder, usage: 'sign', notAfterAt: at - 5000 });
  const pick = (...keys: (typeof pair.signing)[]) => codeOf(pickCertificate(heldKeyAgent(keys.map(key)), 'sign', at));
  t.equal(await pick(pair.signing), 'ok');
  t.equal(await pick(pair.signing, expired), 'ok');
  t.equal(await pick(pair.signing, renewed), 'several_keys');
  t.equal(await pick(expired), 'no_such_key');
  t.equal(await pick(pair.encryption), 'no_such_key');
});

t.test('a key beside another’s certificate is refused', async (t) => {
  await writePair(join(folder, 'mixed'), {
    ...pair,
    signing: { ...pair.signing, privateKeyPem: pair.encryption.privateKeyPem },
  });
  t.equal(await codeOf(openKeyFolder(join(folder, 'mixed'))), 'key_of_another_certificate');
});
