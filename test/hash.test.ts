/** SHA-256 of bytes and of texts: published vectors, and the same for a text as for its UTF-8. */
import fc from 'fast-check';
import { toBase64Url } from '../server/core/log/base64.ts';
import { utf8 } from '../server/core/log/utf8.ts';
import { digestText, sha256, sha256OfText } from '../server/hash.ts';
import t from './support/tap.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** FIPS 180-4 examples. */
const VECTORS = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
] as const;

t.test('vectors', async (t) => {
  for (const [text, digest] of VECTORS) {
    t.equal(hex(sha256(utf8(text))), digest);
    t.equal(hex(sha256OfText(text)), digest);
  }
});

t.test('a text is hashed as its UTF-8', async () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(fc.property(text, (each) => hex(sha256OfText(each)) === hex(sha256(utf8(each)))));
});

t.test('a digest is the core’s own, and a lone surrogate has none', async (t) => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(fc.property(text, (each) => digestText(each) === toBase64Url(sha256(utf8(each)))));
  t.throws(() => digestText('a\ud800b'), { code: 'utf8_malformed' });
});

t.test('32 bytes with a buffer of their own', async (t) => {
  for (const digest of [sha256(new Uint8Array([1])), sha256OfText('a')]) {
    t.equal(digest.constructor, Uint8Array);
    t.equal(digest.length, 32);
    t.equal(digest.buffer.byteLength, 32);
  }
});
