/** Reading and writing by Node.js held against the core's own: the same texts, the same digests, the same things refused. */
import fc from 'fast-check';
import { toBase64Url } from '../server/core/log/base64.ts';
import { disclosureDigest, makeDisclosure, readDisclosure, readWith } from '../server/core/log/disclosure.ts';
import { LogFormatError } from '../server/core/log/error.ts';
import { fromUtf8, utf8 } from '../server/core/log/utf8.ts';
import { sha256 } from '../server/hash.ts';
import { bytesOfText, nativeReader, nativeWriter, textOfBytes } from '../server/native-text.ts';
import t from './support/tap.ts';

/** What is read as JSON, or the code of the refusal. */
function said(read: () => unknown): string {
  try {
    return JSON.stringify(read());
  } catch (fault) {
    if (fault instanceof LogFormatError) return fault.code;
    throw fault;
  }
}

const both = (disclosure: string): [string, string] => [
  said(() => readWith(nativeReader, disclosure)),
  said(() => readDisclosure(disclosure)),
];

t.test('a disclosure, whole or with characters changed, left out or added', async (t) => {
  const salt = new Uint8Array(32).fill(3);
  const letters = fc.constantFrom(...'AZaz09-_+/=. \n\té\u0100\ud800', '');
  let read = 0;
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 20 }).map((s) => s.normalize('NFC')),
      fc.array(fc.record({ at: fc.nat(200), letter: letters }), { maxLength: 2 }),
      (value, changes) => {
        let { disclosure } = makeDisclosure(sha256, salt, 'who', value);
        for (const { at, letter } of changes) {
          const place = at % (disclosure.length + 1);
          disclosure = disclosure.slice(0, place) + letter + disclosure.slice(place + 1);
        }
        const [native, own] = both(disclosure);
        t.equal(native, own, disclosure);
        if (native.startsWith('{')) {
          read++;
          t.equal(nativeReader.digest(disclosure), disclosureDigest(sha256, disclosure));
        }
      },
    ),
    { numRuns: 2_000 },
  );
  t.ok(read > 300, `${read} were read`);
});

t.test('bytes that are no UTF-8, a byte-order mark, the replacement character', async (t) => {
  for (const text of ['\ufeff["a"]', '["\ufffd"]', '["😀"]', '']) {
    const disclosure = toBase64Url(utf8(text));
    t.equal(nativeReader.text(disclosure), text);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const disclosure = toBase64Url(bytes);
      const own = said(() => fromUtf8(bytes));
      const isRead = own !== 'utf8_malformed';
      t.equal(
        said(() => textOfBytes(bytes)),
        own,
      );
      t.equal(
        said(() => nativeReader.text(disclosure)),
        isRead ? own : 'disclosure_malformed',
      );
      const [native, byCore] = both(disclosure);
      t.equal(native, byCore);
    }),
    { numRuns: 2_000 },
  );
});

t.test('what is written is word for word what the core writes', async (t) => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 }).map((s) => s.normalize('NFC'));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), text, (salt, value) => {
      const byCore = makeDisclosure(sha256, salt, 'who', { name: value });
      t.strictSame(makeDisclosure(sha256, salt, 'who', { name: value }, nativeWriter), byCore);
      t.strictSame(bytesOfText(value), utf8(value));
    }),
    { numRuns: 500 },
  );
});

t.test('a text that fills the desk, and one unit more', async (t) => {
  const salt = new Uint8Array(32).fill(4);
  const frame = makeDisclosure(sha256, salt, 'who', '', (text) => ({ disclosure: text, digest: '' })).disclosure.length;
  const fits = Math.floor((64 * 1024) / 3) - frame;
  for (const length of [fits, fits + 1, 64 * 1024]) {
    const value = '标'.repeat(length);
    t.strictSame(makeDisclosure(sha256, salt, 'who', value, nativeWriter), makeDisclosure(sha256, salt, 'who', value));
  }
});
