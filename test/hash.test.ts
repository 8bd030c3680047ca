/** SHA-256 against published vectors. */
import { sha256 } from '../server/hash.ts';
import t from './support/tap.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('FIPS 180-2 vectors', async (t) => {
  t.equal(hex(sha256(new Uint8Array())), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  t.equal(
    hex(sha256(new TextEncoder().encode('abc'))),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

t.test('a view is hashed by its own bytes, and the answer is a plain Uint8Array', async (t) => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  t.strictSame(sha256(whole.subarray(1, 3)), sha256(Uint8Array.of(2, 3)));
  t.equal(Object.getPrototypeOf(sha256(whole)), Uint8Array.prototype);
});
