/** SM3 and SM2 signatures in plain arithmetic: the standards' examples, and OpenSSL both ways. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { checkSm2, signSm2, sm2PublicKeyOf } from '../../../server/core/gm/signature.ts';
import { sm3 } from '../../../server/core/gm/sm3.ts';
import { toHex } from '../../../server/core/log/bytes.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { sm2PrivateKey, verifySm2 } from '../../../server/sm2.ts';
import { systemWorld } from '../../../server/world.ts';
import t from '../../support/tap.ts';
import { ENCRYPTED, PRIVATE_KEY, PUBLIC_KEY, SIGNED } from './vectors.ts';

const { randomBytes } = systemWorld;

/** A key as OpenSSL makes one. */
function freshKey() {
  const key = sm2PrivateKey(generateKeyPairSync('ec', { namedCurve: 'SM2' }).privateKey);
  if (key === undefined) throw new Error('OpenSSL made no SM2 key');
  return { ...key, scalarBytes: key.scalar() };
}

t.test('SM3: the examples of GM/T 0004-2012 A.1 and A.2', async (t) => {
  t.equal(toHex(sm3(utf8('abc'))), '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0');
  t.equal(toHex(sm3(utf8('abcd'.repeat(16)))), 'debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732');
});

t.test('SM3 is OpenSSL’s of any bytes, at every length around a block', async (t) => {
  for (let length = 0; length <= 200; length++) {
    const data = Uint8Array.from({ length }, (_, at) => (at * 7 + length) & 0xff);
    if (toHex(sm3(data)) !== createHash('sm3').update(data).digest('hex')) t.fail(`${length} bytes`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), (data) =>
      Buffer.from(sm3(data)).equals(createHash('sm3').update(data).digest()),
    ),
    { numRuns: 50 },
  );
});

t.test('the example of GM/T 0003.5-2012 annex A, with its scalar', async (t) => {
  const drawn = () => Uint8Array.from(ENCRYPTED.scalar);
  t.strictSame(signSm2(sm3, PRIVATE_KEY, SIGNED.message, drawn), SIGNED.signature);
  t.ok(checkSm2(sm3, PUBLIC_KEY, SIGNED.message, SIGNED.signature));
});

t.test('signatures of either side are good to the other', async (t) => {
  const key = freshKey();
  t.strictSame(sm2PublicKeyOf(key.scalarBytes), key.publicKey);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
      const ours = signSm2(sm3, key.scalarBytes, data, randomBytes);
      const theirs = key.sign(data);
      return verifySm2(key.publicKey, data, ours) && checkSm2(sm3, key.publicKey, data, theirs);
    }),
    { numRuns: 10 },
  );
});

t.test('anything else is no signature', async (t) => {
  const [key, other] = [freshKey(), freshKey()];
  const data = utf8('header.payload');
  const signature = signSm2(sm3, key.scalarBytes, data, randomBytes);
  t.ok(checkSm2(sm3, key.publicKey, data, signature));
  t.notOk(checkSm2(sm3, other.publicKey, data, signature));
  t.notOk(checkSm2(sm3, key.publicKey, utf8('header.other'), signature));
  for (const at of [0, 31, 32, 63])
    t.notOk(
      checkSm2(
        sm3,
        key.publicKey,
        data,
        signature.map((byte, i) => (i === at ? byte ^ 1 : byte)),
      ),
      `byte ${at}`,
    );
  const zero = new Uint8Array(32);
  for (const wrong of [
    signature.subarray(1),
    new Uint8Array(64),
    Uint8Array.from([...zero, ...signature.subarray(32)]),
    Uint8Array.from([...signature.subarray(0, 32), ...zero]),
    new Uint8Array(64).fill(0xff),
  ])
    t.notOk(checkSm2(sm3, key.publicKey, data, wrong));
  t.notOk(checkSm2(sm3, new Uint8Array(65), data, signature), 'no point');
});

t.test('keys and randomness out of range are refused loudly', async (t) => {
  const n = 'fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123';
  const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
  const below = (less: bigint) => bytesOf((BigInt(`0x${n}`) - less).toString(16));
  const data = utf8('x');
  for (const key of [new Uint8Array(32), bytesOf(n), below(1n), new Uint8Array(31).fill(1)])
    t.throws(() => signSm2(sm3, key, data, randomBytes), RangeError);
  t.ok(sm2PublicKeyOf(below(2n)), 'n − 2 is the last key');
  const key = freshKey();
  for (const drawn of [new Uint8Array(32), bytesOf(n)])
    t.throws(() => signSm2(sm3, key.scalarBytes, data, () => Uint8Array.from(drawn)), /randomness/);
});
