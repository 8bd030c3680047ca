/** Key files in the browser's way: the page signs and unwraps what the platform and the command line take and make, and nothing else. */
import { spawnSync } from 'node:child_process';
import { pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import { wrapTo } from '../../server/cli/seal/wrap.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { KEY_TRANSPORTS } from '../../server/core/seal/recipient-info.ts';
import { sha256 } from '../../server/hash.ts';
import { verifyJwsSignature } from '../../server/identity/signature.ts';
import { browserPkcs12Crypto } from '../../web/keys/browser-ciphers.ts';
import { openKeyFile } from '../../web/keys/held-key.ts';
import { KeyFileError } from '../../web/keys/key-file-error.ts';
import { browserVerifyJws } from '../../web/keys/verify-jws.ts';
import { goldenPath } from '../core/seal/golden.ts';
import t from '../support/tap.ts';
import { BIDDER, CEK, CURVE, holderFor, OTHER, SM2 } from '../vault/bids.ts';

const { subtle } = globalThis.crypto;
const PASSWORD = '密码 1';

function keyFile(name: string, ...more: string[]): Uint8Array {
  const from = ['-inkey', goldenPath(`${name}.key.pem`), '-in', goldenPath(`${name}.crt.pem`)];
  const made = spawnSync('openssl', ['pkcs12', '-export', ...from, '-passout', 'stdin', '-iter', '100', ...more], {
    input: `${PASSWORD}\n`,
  });
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return Uint8Array.from(made.stdout);
}
const open = async (file: Uint8Array, password = PASSWORD) => openKeyFile({ sha256, subtle }, file, password);
/** As old Windows and Java tools write: RC2 for the certificates, or for all; and as national tools do. */
const FOREIGN = [
  ['-legacy', '-certpbe', 'PBE-SHA1-RC2-40', '-keypbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
  ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-RC2-128', '-macalg', 'sha1'],
  ['-certpbe', 'SM4-CBC', '-keypbe', 'SM4-CBC', '-macalg', 'sm3'],
];
const old = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'];

t.test('RSA, P-256 and SM2, in today’s cipher and the old one: what they sign, the server takes', async (t) => {
  const data = utf8('header.payload');
  for (const [name, holder, alg] of [
    ['bidder', BIDDER, 'RS256'],
    ['curve', CURVE, 'ES256'],
    ['sm2', SM2, 'SM2SM3'],
  ] as const)
    for (const more of [[], old, ['-macalg', 'sm3'], ...FOREIGN]) {
      const [key, another] = await open(keyFile(name, ...more));
      t.equal(another, undefined);
      t.equal(key?.alg, alg);
      t.strictSame(key?.certificate, holder.certificate);
      t.equal(key?.listed.certSha256, toBase64Url(sha256(holder.certificate)));
      const signature = (await key?.sign(data)) ?? new Uint8Array();
      const request = { alg, key: { certificate: holder.certificate }, data, signature };
      t.ok(await verifyJwsSignature(request), `${name} ${more.length}`);
      const verify = browserVerifyJws(subtle);
      t.ok(await verify(request));
      t.notOk(await verify({ ...request, data: utf8('header.other') }));
      t.notOk(await verify({ ...request, key: { certificate: OTHER.certificate } }));
      t.notOk(await verify({ ...request, alg: alg === 'RS256' ? 'ES256' : 'RS256' }), 'the algorithm of another key');
    }
});

t.test('a content key that was wrapped elsewhere comes out, in the ways that a browser knows', async (t) => {
  const keys = {
    rsa: (await open(keyFile('bidder')))[0],
    ec: (await open(keyFile('curve')))[0],
    sm2: (await open(keyFile('sm2')))[0],
  };
  for (const transport of KEY_TRANSPORTS) {
    const key = transport === 'ecdh_p256' ? keys.ec : transport === 'sm2' ? keys.sm2 : keys.rsa;
    const unwrap = key?.unwrap;
    if (unwrap === undefined) throw new Error('no key');
    if (transport === 'rsa_pkcs1_v15') {
      await t.rejects(unwrap(wrapTo(holderFor(transport).certificate, transport, CEK)), { code: 'key_cannot_unwrap' });
      continue;
    }
    const recipient = wrapTo(holderFor(transport).certificate, transport, CEK);
    t.strictSame(await unwrap(recipient), CEK, transport);
    const encryptedKey = Uint8Array.from(recipient.encryptedKey, (byte, at) => (at === 9 ? byte ^ 1 : byte));
    await t.rejects(unwrap({ ...recipient, encryptedKey }), { code: 'unwrap_failed' }, `${transport} changed`);
    const short = wrapTo(holderFor(transport).certificate, transport, CEK.subarray(0, 16));
    await t.rejects(unwrap(short), { code: 'unwrap_failed' }, 'not 32 bytes');
  }
});

t.test('another password, a cipher that no browser knows, a file that is none', async (t) => {
  await t.rejects(open(keyFile('curve'), 'wrong'), { code: 'key_unreadable' });
  await t.rejects(open(keyFile('curve', '-keypbe', 'CAMELLIA-256-CBC', '-certpbe', 'CAMELLIA-256-CBC')), {
    code: 'key_file_unknown',
  });
  await t.rejects(open(utf8('junk')), { code: 'key_file_unknown' });
});

t.test('any byte changed: the same key, or a code', async () => {
  const file = keyFile('curve');
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      try {
        const [key] = await open(Uint8Array.from(file, (byte, i) => (i === at ? byte ^ change : byte)));
        return key !== undefined && Buffer.from(key.certificate).equals(CURVE.certificate);
      } catch (fault) {
        return fault instanceof KeyFileError;
      }
    }),
    { numRuns: 100 },
  );
});

t.test('PBKDF2 by SM3, which WebCrypto lacks, is OpenSSL’s', async (t) => {
  const { pbkdf2 } = browserPkcs12Crypto(subtle);
  for (const [password, bytes] of [
    ['密码 1', 16],
    ['x'.repeat(64), 32],
    ['x'.repeat(65), 70],
  ] as const) {
    const terms = { password: utf8(password), salt: utf8('salt'), iterations: 20, bytes };
    const expected = pbkdf2Sync(password, 'salt', 20, bytes, 'sm3');
    t.strictSame(await pbkdf2('sm3', terms), Uint8Array.from(expected), `${bytes} bytes`);
  }
});
