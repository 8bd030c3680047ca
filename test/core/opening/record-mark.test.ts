/** Marks of records and their numbers: what is written is read, and nothing else. */
import fc from 'fast-check';
import { toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import { formatRecordMark, readRecordMark, readRecordNumber } from '../../../server/core/opening/record-mark.ts';
import t from '../../support/tap.ts';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const marks = fc.record({
  openingId: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$/),
  version: fc.integer({ min: 1, max: 999_999 }),
  sha256: hash.map(toBase64Url),
  size: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  root: hash.map(toBase64),
});

t.test('every mark is read back, with its address and without', async (t) => {
  fc.assert(
    fc.property(marks, (drawn) => {
      const mark = { ...drawn };
      const text = formatRecordMark('https://kb.example:8443', mark);
      t.strictSame(readRecordMark(text), { origin: 'https://kb.example:8443', mark });
      t.strictSame(readRecordMark(` ${text.slice(text.indexOf('#') + 1)}\n`), { origin: null, mark });
    }),
    { numRuns: 50 },
  );
});

t.test('any other text is no mark, and reading it never throws', async (t) => {
  const [mark] = fc.sample(marks, { numRuns: 1, seed: 7 });
  if (mark === undefined) throw new Error('no sample');
  const text = formatRecordMark('https://kb.example', mark);
  fc.assert(
    fc.property(fc.string(), fc.nat(text.length), (inserted, at) => {
      const changed = text.slice(0, at) + inserted + text.slice(at);
      const read = readRecordMark(changed);
      return (
        read === null || formatRecordMark(read.origin ?? '', read.mark).endsWith(changed.trim().replace(/^[^#]*#/, ''))
      );
    }),
  );
  for (const none of [
    '',
    'javascript:alert(1)',
    text.replace('https', 'file'),
    text.replace('/verify', '/other'),
    `${text}/1`,
  ])
    t.equal(readRecordMark(none), null, none);
});

t.test('a number is an opening, and a version where one is named', async (t) => {
  t.strictSame(readRecordNumber(' gc-2026-001 '), { openingId: 'gc-2026-001', version: null });
  t.strictSame(readRecordNumber('gc-2026-001/2'), { openingId: 'gc-2026-001', version: 2 });
  for (const none of ['', 'a', 'A-1', 'a/0', 'a b', '../x', 'gc-1/2/3']) t.equal(readRecordNumber(none), null, none);
});
