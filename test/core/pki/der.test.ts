/** The DER reader: what it reads, what it refuses, and that it always does one of the two. */
import fc from 'fast-check';
import {
  CertificateError,
  type CertificateErrorCode,
  type Der,
  derBits,
  derBoolean,
  derChildren,
  derCount,
  derInteger,
  derOid,
  derText,
  derTime,
  readDer,
} from '../../../server/core/pki/der.ts';
import t from '../../support/tap.ts';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const element = (hex: string): Der => readDer(bytesOf(hex));

/** What the reading refuses with, or undefined; anything thrown but a CertificateError is a failure of the test. */
function refusal(read: () => unknown): CertificateErrorCode | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof CertificateError) return error.code;
    throw error;
  }
}

t.test('framing that is not DER is refused by name', async (t) => {
  const table: [what: string, hex: string, code: CertificateErrorCode][] = [
    ['nothing at all', '', 'der_truncated'],
    ['a tag alone', '30', 'der_truncated'],
    ['content cut off', '04 03 01 02', 'der_truncated'],
    ['a length cut off', '04 82 01', 'der_truncated'],
    ['indefinite length', '30 80 00 00', 'der_length'],
    ['a long form where the short one fits', '04 81 01 ff', 'der_length'],
    ['a length with a leading zero', `04 82 00 80 ${'00'.repeat(128)}`, 'der_length'],
    ['a length of five bytes', '04 85 00 00 00 00 01 ff', 'der_length'],
    ['a high tag number', '1f 81 01 00', 'der_tag'],
    ['bytes behind the element', '05 00 00', 'der_trailing'],
  ];
  for (const [what, hex, code] of table)
    t.equal(
      refusal(() => element(hex)),
      code,
      what,
    );
});

t.test('a length near 2^32 is read as what it is: more than is there', async (t) => {
  t.equal(
    refusal(() => element('04 84 ff ff ff ff 00')),
    'der_truncated',
  );
});

t.test('children are read in order and only out of constructed elements', async (t) => {
  t.strictSame(
    derChildren(element('30 05 02 01 07 05 00')).map(({ tag }) => tag),
    [0x02, 0x05],
  );
  t.equal(
    refusal(() => derChildren(element('04 02 05 00'))),
    'der_tag',
  );
  t.equal(
    refusal(() => derChildren(element('30 03 05 00 04'))),
    'der_truncated',
  );
});

t.test('booleans and integers have one spelling each', async (t) => {
  t.equal(derBoolean(element('01 01 ff')), true);
  t.equal(derBoolean(element('01 01 00')), false);
  t.equal(derCount(element('02 02 00 ff')), 255);
  t.equal(derCount(element('02 04 7f ff ff ff')), 2 ** 31 - 1);
  for (const hex of ['01 01 01', '01 00', '01 02 ff ff'])
    t.equal(
      refusal(() => derBoolean(element(hex))),
      'der_value',
      hex,
    );
  for (const hex of ['02 00', '02 02 00 7f', '02 02 ff 80'])
    t.equal(
      refusal(() => derInteger(element(hex))),
      'der_value',
      hex,
    );
  for (const hex of ['02 01 ff', '02 05 01 00 00 00 00'])
    t.equal(
      refusal(() => derCount(element(hex))),
      'der_value',
      hex,
    );
});

t.test('object identifiers', async (t) => {
  t.equal(derOid(element('06 03 55 04 61')), '2.5.4.97');
  t.equal(derOid(element('06 09 2a 86 48 86 f7 0d 01 01 0b')), '1.2.840.113549.1.1.11');
  t.equal(derOid(element('06 03 88 37 03')), '2.999.3');
  for (const hex of ['06 00', '06 01 80', '06 02 80 01', '06 02 55 84', '06 03 55 80 01'])
    t.equal(
      refusal(() => derOid(element(hex))),
      'der_value',
      hex,
    );
});

t.test('bit strings say truly how many bits are unused', async (t) => {
  t.strictSame(derBits(element('03 02 05 a0')), { bytes: bytesOf('a0'), unused: 5 });
  for (const hex of ['03 00', '03 01 01', '03 02 08 00', '03 02 05 b0'])
    t.equal(
      refusal(() => derBits(element(hex))),
      'der_value',
      hex,
    );
});

t.test('times', async (t) => {
  const utc = (text: string) => readDer(Uint8Array.of(0x17, text.length, ...Buffer.from(text)));
  const general = (text: string) => readDer(Uint8Array.of(0x18, text.length, ...Buffer.from(text)));
  t.equal(derTime(utc('260302010000Z')), Date.parse('2026-03-02T01:00:00Z'));
  t.equal(derTime(utc('491231235959Z')), Date.parse('2049-12-31T23:59:59Z'));
  t.equal(derTime(utc('700101000000Z')), 0);
  t.equal(derTime(utc('500101120001Z')), Date.parse('1950-01-01T12:00:01Z'), 'UTCTime begins in 1950');
  t.equal(derTime(utc('691231235959Z')), -1_000);
  t.equal(
    refusal(() => derTime(general('15691231235959Z'))),
    'der_value',
  );
  t.equal(derTime(general('20500101000000Z')), Date.parse('2050-01-01T00:00:00Z'));
  for (const text of ['2603020100Z', '260302010000+0800', '260230010000Z', '260302250000Z', '690230010000Z'])
    t.equal(
      refusal(() => derTime(utc(text))),
      'der_value',
      text,
    );
  for (const text of ['20500101000000', '20500101000000.5Z', '260302010000Z'])
    t.equal(
      refusal(() => derTime(general(text))),
      'der_value',
      text,
    );
});

t.test('text of every kind a CA writes', async (t) => {
  t.equal(derText(element('0c 06 e5 bc a0 e4 b8 89')), '张三');
  t.equal(derText(element('1e 04 5f 20 4e 09')), '张三');
  t.equal(derText(element('1c 04 00 02 00 0b')), '𠀋');
  t.equal(derText(element('13 02 43 4e')), 'CN');
  t.equal(derText(element('14 01 e9')), 'é');
  t.equal(derText(element('04 01 41')), undefined);
  for (const hex of ['0c 01 ff', '13 01 e9', '1e 03 5f 20 4e', '1e 02 d8 00', '1c 04 00 11 00 00'])
    t.equal(
      refusal(() => derText(element(hex))),
      'der_value',
      hex,
    );
});

/** Writes an element in the one way DER allows: the other half of the round trip. */
function write(tag: number, content: Uint8Array): Uint8Array {
  const length = content.length;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Uint8Array.of(tag, ...head, ...content);
}

t.test('what is written is read back, and only whole', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(0x04, 0x0c, 0x80), fc.uint8Array({ maxLength: 700 }), (tag, content) => {
      const bytes = write(tag, content);
      const read = readDer(bytes);
      const cutOff = refusal(() => readDer(bytes.subarray(0, bytes.length - 1)));
      return read.tag === tag && Buffer.from(read.content).equals(content) && cutOff === 'der_truncated';
    }),
    { numRuns: 300 },
  );
  t.pass('read back');
});

t.test('any bytes are read or refused, never anything else', async (t) => {
  const readers = [readDer, ...[derChildren, derBoolean, derInteger, derCount, derBits, derOid, derTime, derText]];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (content) => {
      for (const tag of [0x01, 0x02, 0x03, 0x06, 0x0c, 0x13, 0x17, 0x18, 0x1c, 0x1e, 0x30])
        for (const read of readers.slice(1)) refusal(() => (read as (e: Der) => unknown)(readDer(write(tag, content))));
      refusal(() => readDer(content));
    }),
    { numRuns: 300 },
  );
  t.pass('nothing but CertificateError');
});

t.test('an object identifier is read to the same text as the bytes it came from', async (t) => {
  const arc = fc.integer({ min: 0, max: 2 ** 31 });
  fc.assert(
    fc.property(
      fc.constantFrom('0', '1', '2'),
      fc.integer({ min: 0, max: 39 }),
      fc.array(arc, { maxLength: 8 }),
      (root, second, rest) => {
        const base128 = (value: number): number[] => {
          const digits = [value % 128];
          for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128))
            digits.unshift((left % 128) | 0x80);
          return digits;
        };
        const content = [Number(root) * 40 + second, ...rest].flatMap(base128);
        return derOid(readDer(write(0x06, Uint8Array.from(content)))) === [root, second, ...rest].join('.');
      },
    ),
    { numRuns: 200 },
  );
  t.pass('the same');
});
