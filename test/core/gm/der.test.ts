/** SM2 signatures, ciphertexts and public keys as bytes: one spelling each, and everything else is refused. */
import fc from 'fast-check';
import { readSm2PublicKey, SM2_CURVE, writeSm2PublicKey } from '../../../server/core/gm/curve.ts';
import {
  isSm2Signature,
  readSm2Ciphertext,
  readSm2Signature,
  writeSm2Ciphertext,
  writeSm2Signature,
} from '../../../server/core/gm/der.ts';
import { joinBytes, toHex } from '../../../server/core/log/bytes.ts';
import t from '../../support/tap.ts';
import { bytesOf, ENCRYPTED, PUBLIC_KEY, SIGNED } from './vectors.ts';

const integer = (value: bigint): string => {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const digits = Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
  return element('02', digits);
};
const element = (tag: string, content: string): string =>
  tag + (content.length / 2).toString(16).padStart(2, '0') + content;
const signature = (r: bigint, s: bigint): Uint8Array => bytesOf(element('30', integer(r) + integer(s)));

t.test('a signature is two numbers from 1 to n − 1, each in the fewest bytes', async (t) => {
  const { n } = SM2_CURVE;
  t.ok(readSm2Signature(signature(1n, 1n)));
  t.ok(readSm2Signature(signature(n - 1n, n - 1n)));
  const refused: [what: string, der: Uint8Array][] = [
    ['r is zero', signature(0n, 1n)],
    ['s is zero', signature(1n, 0n)],
    ['r is n', signature(n, 1n)],
    ['s is n', signature(1n, n)],
    ['s is 2^256', signature(1n, 2n ** 256n)],
    ['r is negative', bytesOf('30 06 02 01 ff 02 01 01')],
    ['a leading zero too many', bytesOf('30 07 02 02 00 01 02 01 01')],
    ['a number of no bytes', bytesOf('30 05 02 00 02 01 01')],
    ['one number', bytesOf('30 03 02 01 01')],
    ['three numbers', bytesOf('30 09 02 01 01 02 01 01 02 01 01')],
    ['bytes behind it', bytesOf('30 06 02 01 01 02 01 01 00')],
    ['a length in the long form', bytesOf('30 81 06 02 01 01 02 01 01')],
    ['an indefinite length', bytesOf('30 80 02 01 01 02 01 01 00 00')],
    ['a SET', bytesOf('31 06 02 01 01 02 01 01')],
    ['nothing', new Uint8Array()],
  ];
  for (const [what, der] of refused) t.equal(readSm2Signature(der), undefined, what);
});

t.test('a ciphertext is a point on the curve, a hash and at least one byte', async (t) => {
  const good = writeSm2Ciphertext(ENCRYPTED);
  t.strictSame(readSm2Ciphertext(good), { c1: ENCRYPTED.c1, c3: ENCRYPTED.c3, c2: ENCRYPTED.c2 });
  const [x, y] = [toHex(ENCRYPTED.c1.subarray(1, 33)), toHex(ENCRYPTED.c1.subarray(33))];
  const [hash, text] = [toHex(ENCRYPTED.c3), toHex(ENCRYPTED.c2)];
  const number = (hex: string): string => integer(BigInt(`0x${hex}`));
  const build = (...parts: string[]): Uint8Array => {
    const content = parts.join('');
    const length = content.length / 2;
    return bytesOf(`30${length < 128 ? '' : '81'}${length.toString(16).padStart(2, '0')}${content}`);
  };
  const whole = [number(x), number(y), element('04', hash), element('04', text)];
  t.strictSame(build(...whole), good, 'our own builder spells it so, too');
  const refused: [what: string, der: Uint8Array][] = [
    ['bytes behind it', joinBytes(good, Uint8Array.of(0))],
    ['a fifth element', build(...whole, '0500')],
    ['no ciphertext', build(...whole.slice(0, 3))],
    ['an empty ciphertext', build(...whole.slice(0, 3), '0400')],
    ['a hash of 31 bytes', build(number(x), number(y), element('04', hash.slice(2)), element('04', text))],
    ['a point off the curve', build(number(x), number('01'), element('04', hash), element('04', text))],
    ['x + p for x', build(integer(SM2_CURVE.p + 1n), number(y), element('04', hash), element('04', text))],
    ['C1 C2 C3, the old order', build(number(x), number(y), element('04', text), element('04', hash))],
    ['raw, without DER', joinBytes(ENCRYPTED.c1, ENCRYPTED.c3, ENCRYPTED.c2)],
  ];
  for (const [what, der] of refused) t.equal(readSm2Ciphertext(der), undefined, what);
});

t.test('whatever the bytes, a reader answers, and what it takes has that one spelling', async (t) => {
  const near = (good: Uint8Array) =>
    fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length)).map(([at, byte, cut]) => {
      const bytes = good.slice();
      bytes[at] = byte;
      return cut === 0 ? bytes : bytes.subarray(0, Math.max(at + 1, good.length - (cut % 3)));
    });
  const wild = fc.uint8Array({ maxLength: 140 });
  fc.assert(
    fc.property(fc.oneof(wild, near(writeSm2Signature(SIGNED.signature))), (der) => {
      const read = readSm2Signature(der);
      if (read !== undefined) t.strictSame(writeSm2Signature(read), Uint8Array.from(der));
    }),
  );
  fc.assert(
    fc.property(fc.oneof(wild, near(writeSm2Ciphertext(ENCRYPTED))), (der) => {
      const read = readSm2Ciphertext(der);
      if (read !== undefined) t.strictSame(writeSm2Ciphertext(read), Uint8Array.from(der));
    }),
  );
  fc.assert(
    fc.property(fc.oneof(wild, near(writeSm2PublicKey(PUBLIC_KEY))), (spki) => {
      const read = readSm2PublicKey(spki);
      if (read !== undefined) t.strictSame(writeSm2PublicKey(read), Uint8Array.from(spki));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (raw) => {
      if (isSm2Signature(raw)) t.strictSame(readSm2Signature(writeSm2Signature(raw)), raw);
    }),
  );
});

t.test('a public key is read from its one spelling only', async (t) => {
  const spki = writeSm2PublicKey(PUBLIC_KEY);
  t.strictSame(readSm2PublicKey(spki), PUBLIC_KEY);
  const off = spki.slice();
  off[off.length - 1] = 0x14;
  t.equal(readSm2PublicKey(off), undefined, 'a point off the curve');
  const p256 = spki.slice();
  p256[13] = 0x07;
  t.equal(readSm2PublicKey(p256), undefined, 'another curve');
  const compressed = joinBytes(
    bytesOf('3039 301306072a8648ce3d020106082a811ccf5501822d 0322 00 03'),
    PUBLIC_KEY.subarray(1, 33),
  );
  t.equal(readSm2PublicKey(compressed), undefined, 'a compressed point');
});
