/** Keys held in files: PEM and PKCS#12 open with the right password, and their signatures and unwrapping are right. */
import { createPrivateKey } from 'node:crypto';
import { exportPkcs12 } from '../../../server/cli/demo/ca.ts';
import { openPem, openPkcs12, signerOf } from '../../../server/cli/seal/held-key.ts';
import { unwrapKey, wrapKey } from '../../../server/cli/seal/wrap.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { KEY_TRANSPORTS, type Recipient } from '../../../server/core/seal/recipient-info.ts';
import { verifyJwsSignature } from '../../../server/identity/signature.ts';
import { goldenText } from '../../core/seal/golden.ts';
import t from '../../support/tap.ts';
import { BIDDER, CEK, OTHER } from '../../vault/bids.ts';

const KEY_PEM = goldenText('bidder.key.pem');
const CERTIFICATE_PEM = goldenText('bidder.crt.pem');
const OTHER_PEM = goldenText('other.crt.pem');
const { certificate } = BIDDER;
const identifier = { subjectKeyIdentifier: new Uint8Array(20) };

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
  const held = openPkcs12(file, 'secret');
  t.strictSame(held.certificate, BIDDER.certificate);
  t.strictSame(held.chain, [OTHER.certificate]);
  t.ok(held.privateKey.equals(BIDDER.privateKey));
  t.throws(() => openPkcs12(file, 'wrong'), { code: 'key_unreadable' });
  t.throws(() => openPkcs12(file.subarray(0, 200), 'secret'), { code: 'key_unreadable' });
});

t.test('signatures verify as JWS in each algorithm', async (t) => {
  const data = utf8('header.payload');
  const curve = openPem({ privateKey: goldenText('curve.key.pem'), certificates: goldenText('curve.crt.pem') });
  const signers = [signerOf(BIDDER), signerOf(BIDDER, 'PS256'), signerOf(curve)];
  t.strictSame(
    signers.map(({ alg }) => alg),
    ['RS256', 'PS256', 'ES256'],
  );
  for (const signer of signers) {
    const { alg, certificate } = signer;
    const signature = await signer.sign(data);
    t.ok(verifyJwsSignature({ alg, key: { certificate }, data, signature }), alg);
    t.notOk(verifyJwsSignature({ alg, key: { certificate }, data: utf8('header.other'), signature }));
  }
});

t.test('a content key is wrapped and unwrapped in each padding', async (t) => {
  for (const keyTransport of KEY_TRANSPORTS) {
    const recipient: Recipient = { keyTransport, encryptedKey: wrapKey(certificate, keyTransport, CEK), identifier };
    t.strictSame(Uint8Array.from(unwrapKey(recipient, BIDDER.privateKey)), CEK, keyTransport);
    t.throws(() => unwrapKey(recipient, OTHER.privateKey), { code: 'unwrap_failed' }, keyTransport);
  }
});

t.test('a wrapped key read in another padding, spoilt, or of another length does not come out', async (t) => {
  for (const keyTransport of KEY_TRANSPORTS) {
    const encryptedKey = Uint8Array.from(wrapKey(certificate, keyTransport, CEK));
    for (const other of KEY_TRANSPORTS.filter((name) => name !== keyTransport)) {
      const recipient: Recipient = { keyTransport: other, encryptedKey, identifier };
      t.throws(() => unwrapKey(recipient, BIDDER.privateKey), { code: 'unwrap_failed' }, `${keyTransport} as ${other}`);
    }
    for (const length of [16, 31, 33]) {
      const short: Recipient = {
        keyTransport,
        encryptedKey: wrapKey(certificate, keyTransport, new Uint8Array(length)),
        identifier,
      };
      t.throws(() => unwrapKey(short, BIDDER.privateKey), { code: 'unwrap_failed' }, `${length} bytes`);
    }
    encryptedKey[200] = (encryptedKey[200] as number) ^ 1;
    t.throws(() => unwrapKey({ keyTransport, encryptedKey, identifier }, BIDDER.privateKey), { code: 'unwrap_failed' });
  }
});
