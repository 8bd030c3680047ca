/** SM2 encryption: the numbers of the standard, the way there and back, and what is never opened. */
import fc from 'fast-check';
import { decryptSm2, encryptSm2 } from '../../../server/core/gm/encryption.ts';
import { sm2IdentityDigest } from '../../../server/core/gm/identity.ts';
import { sm3 } from '../../../server/sm2.ts';
import { systemWorld } from '../../../server/world.ts';
import t from '../../support/tap.ts';
import { bytesOf, ENCRYPTED, PRIVATE_KEY, PUBLIC_KEY, SIGNED } from './vectors.ts';

const { randomBytes } = systemWorld;

t.test('Z and the ciphertext of GM/T 0003.5', async (t) => {
  t.strictSame(sm2IdentityDigest(sm3, PUBLIC_KEY), SIGNED.z);
  const { message, scalar, ...ciphertext } = ENCRYPTED;
  t.strictSame(
    encryptSm2(sm3, PUBLIC_KEY, message, () => scalar.slice()),
    ciphertext,
  );
  t.strictSame(decryptSm2(sm3, PRIVATE_KEY, ciphertext), message);
});

t.test('a scalar out of range is drawn again, and not for ever', async (t) => {
  const draws = [bytesOf('ff'.repeat(32)), new Uint8Array(32), ENCRYPTED.scalar.slice()];
  t.strictSame(
    encryptSm2(sm3, PUBLIC_KEY, ENCRYPTED.message, () => draws.shift() ?? new Uint8Array(32)).c2,
    ENCRYPTED.c2,
  );
  t.throws(() => encryptSm2(sm3, PUBLIC_KEY, ENCRYPTED.message, (length) => new Uint8Array(length)), RangeError);
});

t.test('any message comes back, and with one bit changed none does', async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 80 }),
      fc.constantFrom('c3' as const, 'c2' as const),
      fc.nat(),
      (message, part, place) => {
        const sealed = encryptSm2(sm3, PUBLIC_KEY, message, randomBytes);
        t.strictSame(decryptSm2(sm3, PRIVATE_KEY, sealed), Uint8Array.from(message));
        const bytes = sealed[part].slice();
        const bit = place % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        t.equal(decryptSm2(sm3, PRIVATE_KEY, { ...sealed, [part]: bytes }), undefined);
      },
    ),
    { numRuns: 20 },
  );
});

t.test('another key, a point off the curve and a key out of range open nothing', async (t) => {
  t.equal(decryptSm2(sm3, bytesOf('01'.repeat(32)), ENCRYPTED), undefined);
  t.equal(decryptSm2(sm3, new Uint8Array(32), ENCRYPTED), undefined);
  t.equal(decryptSm2(sm3, bytesOf('ff'.repeat(32)), ENCRYPTED), undefined);
  const c1 = ENCRYPTED.c1.slice();
  c1[64] = 0;
  t.equal(decryptSm2(sm3, PRIVATE_KEY, { ...ENCRYPTED, c1 }), undefined, 'the invalid-curve attack');
  t.throws(() => encryptSm2(sm3, c1, ENCRYPTED.message, randomBytes), RangeError);
  t.throws(() => encryptSm2(sm3, PUBLIC_KEY, new Uint8Array(), randomBytes), RangeError);
});
