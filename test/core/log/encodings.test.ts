/** The encodings under every signed byte: base64 both ways, UTF-8, instants, decimals. */
import fc from 'fast-check';
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import { readUint32, sameBytes, toHex, uint32Bytes } from '../../../server/core/log/bytes.ts';
import { parseDecimal } from '../../../server/core/log/decimal.ts';
import { formatInstant, LAST_INSTANT, parseInstant } from '../../../server/core/log/instant.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import t from '../../support/tap.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const malformed = (code: string) => ({ name: 'LogFormatError', code });

t.test('base64 says what Node.js says, for every tail', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      t.equal(toBase64(data), Buffer.from(data).toString('base64'));
      t.equal(toBase64Url(data), Buffer.from(data).toString('base64url'));
    }),
    { numRuns: 60 },
  );
});

t.test('base64 comes back as it went', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000, size: 'max' }), (data) => {
      t.ok(sameBytes(fromBase64(toBase64(data)), data));
      t.ok(sameBytes(fromBase64Url(toBase64Url(data)), data));
    }),
    { numRuns: 30 },
  );
});

t.test('any text base64 accepts is the only text of its bytes', async (t) => {
  const letters = fc.constantFrom(...'ABab01+/-_=\n é');
  fc.assert(
    fc.property(fc.string({ unit: letters, maxLength: 9 }), (text) => {
      for (const [read, write] of [
        [fromBase64, toBase64],
        [fromBase64Url, toBase64Url],
      ] as const) {
        let data: Uint8Array | undefined;
        try {
          data = read(text);
        } catch (fault) {
          if ((fault as { code?: string }).code !== 'base64_malformed') throw fault;
        }
        if (data !== undefined && write(data) !== text) t.fail(`${JSON.stringify(text)} is a second text`);
      }
    }),
    { numRuns: 2000 },
  );
});

t.test('base64 refuses what Buffer would take', async (t) => {
  for (const text of [
    'YQ',
    'YR==',
    'YQ=',
    'YQ===',
    'YWJ=',
    'Y',
    'YQ==\n',
    ' YQ==',
    'YW-_',
    '====',
    'YQ==YQ==',
    'Y=Q=',
    'YQé=',
  ])
    t.throws(() => fromBase64(text), malformed('base64_malformed'), JSON.stringify(text));
  for (const text of ['YQ==', 'YR', 'Y', 'YW+/', 'YWJ', 'YQ\n'])
    t.throws(() => fromBase64Url(text), malformed('base64_malformed'), JSON.stringify(text));
  t.same(fromBase64(''), bytes());
  t.same(fromBase64Url('YQ'), bytes(97));
});

t.test('UTF-8 says what Node.js says', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      t.ok(sameBytes(utf8(text), new Uint8Array(Buffer.from(text, 'utf8'))));
      t.equal(fromUtf8(utf8(text)), text);
    }),
    { numRuns: 200 },
  );
});

t.test('UTF-8 refuses exactly what a fatal TextDecoder refuses', async (t) => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const near = fc.oneof(
    fc.constantFrom(
      0x41,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xe1,
      0xed,
      0xef,
      0xf0,
      0xf1,
      0xf4,
      0xf5,
      0xff,
    ),
    fc.nat(255),
  );
  fc.assert(
    fc.property(fc.array(near, { maxLength: 6 }), (values) => {
      const data = Uint8Array.from(values);
      let theirs: string | undefined;
      try {
        theirs = decoder.decode(data);
      } catch (fault) {
        if (!(fault instanceof TypeError)) throw fault;
      }
      if (theirs === undefined) t.throws(() => fromUtf8(data), malformed('utf8_malformed'));
      else t.equal(fromUtf8(data), theirs);
    }),
    { numRuns: 3000 },
  );
});

t.test('UTF-8 keeps a byte-order mark, refuses lone surrogates, takes long texts', async (t) => {
  t.equal(fromUtf8(bytes(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa');
  for (const text of ['\ud800', 'a\udc00', '\ud800a', '\ud800\ud800', '\udc00\ud800'])
    t.throws(() => utf8(text), malformed('utf8_malformed'));
  t.throws(() => fromUtf8(bytes(0xed, 0xa0, 0x80)), malformed('utf8_malformed'), 'an encoded surrogate');
  t.throws(() => fromUtf8(bytes(0xc0, 0x80)), malformed('utf8_malformed'), 'an overlong zero');
  t.throws(() => fromUtf8(bytes(0xf4, 0x90, 0x80, 0x80)), malformed('utf8_malformed'), 'beyond U+10FFFF');
  t.throws(() => fromUtf8(bytes(0xe4, 0xb8)), malformed('utf8_malformed'), 'cut off');
  const long = '开标😀'.repeat(20_001);
  t.equal(fromUtf8(utf8(long)), long);
});

t.test('instants say what Date says, and come back', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: LAST_INSTANT }), (ms) => {
      t.equal(formatInstant(ms), new Date(ms).toISOString());
      t.equal(parseInstant(formatInstant(ms)), ms);
    }),
    { numRuns: 500 },
  );
});

t.test('instants at the edges of calendars', async (t) => {
  for (const text of [
    '1970-01-01T00:00:00.000Z',
    '2000-02-29T23:59:59.999Z',
    '2024-02-29T00:00:00.000Z',
    '2100-02-28T12:00:00.001Z',
    '2400-02-29T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
  ])
    t.equal(parseInstant(text), Date.parse(text), text);
});

t.test('other spellings of an instant are refused', async (t) => {
  for (const text of [
    '2026-03-05T01:00:00Z',
    '2026-03-05T01:00:00.0Z',
    '2026-03-05T01:00:00.0000Z',
    '2026-03-05T01:00:00.000+00:00',
    '2026-03-05t01:00:00.000z',
    '2026-03-05 01:00:00.000Z',
    '2026-02-29T00:00:00.000Z',
    '2100-02-29T00:00:00.000Z',
    '2026-04-31T00:00:00.000Z',
    '2026-00-01T00:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
    '2026-01-00T00:00:00.000Z',
    '2026-01-01T24:00:00.000Z',
    '2026-01-01T23:60:00.000Z',
    '2016-12-31T23:59:60.000Z',
    '1969-12-31T23:59:59.999Z',
    '0000-01-01T00:00:00.000Z',
    '+02026-01-01T00:00:00.000Z',
    '２026-01-01T00:00:00.000Z',
    '2026-03-05T01:00:00.000Z\n',
    '',
  ])
    t.throws(() => parseInstant(text), malformed('instant_malformed'), JSON.stringify(text));
  for (const ms of [-1, 0.5, Number.NaN, LAST_INSTANT + 1, Number.POSITIVE_INFINITY])
    t.throws(() => formatInstant(ms), malformed('instant_malformed'), String(ms));
});

t.test('decimals: one spelling a number', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (n) => t.equal(parseDecimal(String(n)), n)),
    { numRuns: 100 },
  );
  t.equal(parseDecimal('9007199254740991'), 9007199254740991);
  for (const text of [
    '',
    '00',
    '01',
    '-0',
    '+1',
    '1e3',
    '0x1',
    ' 1',
    '1 ',
    '1\n',
    '1.0',
    '１',
    '9007199254740992',
    '99999999999999999',
  ])
    t.equal(parseDecimal(text), undefined, JSON.stringify(text));
});

t.test('big-endian numbers do not turn negative', async (t) => {
  for (const n of [0, 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff]) {
    t.equal(readUint32(uint32Bytes(n), 0), n);
    t.equal(toHex(uint32Bytes(n)), n.toString(16).padStart(8, '0'));
  }
  for (const n of [-1, 2 ** 32, 0.5]) t.throws(() => uint32Bytes(n), RangeError);
  t.throws(() => readUint32(bytes(1, 2, 3), 0), RangeError);
});
