/** Window keys and what is sealed to them: wrapped at rest, bound to one opening, challenge and envelope, gone when destroyed. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { CompactEncrypt, calculateJwkThumbprint } from 'jose';
import { toBase64Url } from '../../server/core/log/base64.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { WindowKey } from '../../server/core/seal/decryption.ts';
import { sha256 } from '../../server/hash.ts';
import { readSealedKey } from '../../server/vault/read-statement.ts';
import { makeWindowKey, unwrapWindowKey } from '../../server/vault/window-key.ts';
import { systemWorld } from '../../server/world.ts';
import t from '../support/tap.ts';

const VAULT_KEY = new Uint8Array(32).fill(9);
const { randomBytes } = systemWorld;
const CEK = Uint8Array.from({ length: 32 }, (_, index) => index * 3);
const JTI = 'AAAAAAAAAAAAAAAAAAAAAQ';
const ENVELOPE = toBase64Url(sha256(utf8('envelope')));

const key = makeWindowKey(VAULT_KEY, 'zhangye-1', randomBytes);
const privateKey = unwrapWindowKey(VAULT_KEY, key);
const binding = { kid: key.kid, jti: JTI, envelopeSha256: ENVELOPE };

async function seal(
  plaintext: Uint8Array,
  changes: Record<string, unknown> = {},
  to: WindowKey = key.publicKey,
): Promise<string> {
  const header = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', ...binding, ...changes };
  return new CompactEncrypt(plaintext)
    .setProtectedHeader(header)
    .encrypt(createPublicKey({ key: { ...to }, format: 'jwk' }));
}

const refused = (failure: string, detail: string) => ({ ok: false, failure, fault: 'bidder', detail });

t.test('each opening has a key of its own, named by its RFC 7638 thumbprint', async (t) => {
  const other = makeWindowKey(VAULT_KEY, 'zhangye-1', randomBytes);
  t.not(other.kid, key.kid);
  t.equal(key.kid, await calculateJwkThumbprint({ ...key.publicKey }, 'sha256'));
  t.strictSame(Object.keys(key.publicKey).sort(), ['crv', 'kty', 'x', 'y']);
});

t.test('the private half is stored wrapped, and comes out with the vault key only', async (t) => {
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  t.notOk(Buffer.from(key.wrappedKey).includes(pkcs8.subarray(-60)), 'not in clear');
  const { x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  t.match(key.publicKey, { x, y });
  t.throws(() => unwrapWindowKey(new Uint8Array(32), key));
});

t.test('a wrapped key cannot be moved to another opening, renamed or changed', async (t) => {
  t.throws(() => unwrapWindowKey(VAULT_KEY, { ...key, openingId: 'zhangye-2' }));
  t.throws(() => unwrapWindowKey(VAULT_KEY, { ...key, kid: ENVELOPE }));
  for (let at = 0; at < key.wrappedKey.length; at++) {
    const wrappedKey = key.wrappedKey.slice();
    wrappedKey[at] = (wrappedKey[at] as number) ^ 1;
    t.throws(() => unwrapWindowKey(VAULT_KEY, { ...key, wrappedKey }), `byte ${at}`);
  }
});

t.test('a content key sealed to the window key comes out', async (t) => {
  const opened = await readSealedKey(await seal(CEK), privateKey, binding);
  if (!opened.ok) throw new Error(opened.detail);
  t.strictSame(Uint8Array.from(opened.cek), CEK);
});

t.test('a JWE made for something else is refused before any key is used', async (t) => {
  const other = toBase64Url(sha256(utf8('other')));
  const cases: readonly [string, Record<string, unknown>][] = [
    ['other_window_key', { kid: other }],
    ['other_challenge', { jti: 'AAAAAAAAAAAAAAAAAAAAAg' }],
    ['other_envelope', { envelopeSha256: other }],
    ['sealed_key_header', { jti: 'short' }],
    ['sealed_key_header', { cty: 'JWT' }],
    ['sealed_key_header', { enc: 'A128GCM' }],
    ['sealed_key_header', { alg: 'ECDH-ES+A128KW' }],
  ];
  const unusable = generateKeyPairSync('ed25519').privateKey;
  for (const [detail, changes] of cases) {
    t.strictSame(
      await readSealedKey(await seal(CEK, changes), unusable, binding),
      refused('statement_invalid', detail),
    );
  }
  const direct = await new CompactEncrypt(CEK).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(CEK);
  t.strictSame(await readSealedKey(direct, unusable, binding), refused('statement_invalid', 'sealed_key_header'));
});

t.test('a JWE to another key, or with a bit changed, does not open', async (t) => {
  const elsewhere = makeWindowKey(VAULT_KEY, 'zhangye-1', randomBytes).publicKey;
  const toElsewhere = await seal(CEK, {}, elsewhere);
  t.match(await readSealedKey(toElsewhere, privateKey, binding), { ok: false, failure: 'key_not_readable' });
  const parts = (await seal(CEK)).split('.');
  for (const index of [1, 2, 3, 4]) {
    const bytes = Buffer.from(parts[index] as string, 'base64url');
    bytes[0] = (bytes[0] as number) ^ 1;
    const changed = parts.with(index, bytes.toString('base64url')).join('.');
    t.match(
      await readSealedKey(changed, privateKey, binding),
      { ok: false, failure: 'key_not_readable' },
      `part ${index}`,
    );
  }
});

t.test('a point that is not on the curve does not open', async (t) => {
  const [head = '', ...rest] = (await seal(CEK)).split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString());
  header.epk.y = ENVELOPE;
  const changed = [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
  t.match(await readSealedKey(changed, privateKey, binding), {
    ok: false,
    failure: 'key_not_readable',
    fault: 'bidder',
  });
});

t.test('what is sealed must be a content key of 32 bytes', async (t) => {
  for (const length of [0, 16, 31, 33]) {
    const jwe = await seal(new Uint8Array(length));
    t.strictSame(await readSealedKey(jwe, privateKey, binding), refused('key_not_readable', 'not_a_content_key'));
  }
});

t.test('junk is refused, never thrown', async (t) => {
  for (const jwe of [
    '',
    '....',
    'a.b.c.d.e',
    'x'.repeat(5000),
    (await seal(CEK)).slice(0, -30),
    `${await seal(CEK)}.`,
  ]) {
    t.match(await readSealedKey(jwe, privateKey, binding), { ok: false, fault: 'bidder' });
  }
});
