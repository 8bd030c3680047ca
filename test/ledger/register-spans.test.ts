/** The spans of openings over batches: what no span covers, for every set of them. */
import fc from 'fast-check';
import { gapsBetween, type Span } from '../../server/ledger/register-spans.ts';
import t from '../support/tap.ts';

const LAST = 60;
const span = fc.tuple(fc.nat(LAST + 5), fc.nat(20)).map(([first, length]): Span => ({ first, last: first + length }));

t.test('a batch is in a gap exactly when no span covers it; gaps are in order and do not touch', async (t) => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 8 }), fc.nat(LAST), (spans, last) => {
      const gaps = gapsBetween(spans, last);
      const isIn = (list: readonly Span[], n: number) => list.some(({ first, last }) => first <= n && n <= last);
      for (let n = 0; n <= LAST; n++) t.equal(isIn(gaps, n), n <= last && !isIn(spans, n));
      gaps.forEach(({ first, last }, n) => {
        t.ok(first <= last);
        const next = gaps[n + 1];
        if (next !== undefined) t.ok(next.first > last + 1);
      });
    }),
    { numRuns: 100 },
  );
});

t.test('edges', async (t) => {
  t.strictSame(gapsBetween([], 0), [{ first: 0, last: 0 }]);
  t.strictSame(gapsBetween([{ first: 0, last: 0 }], 0), []);
  t.strictSame(gapsBetween([{ first: 1, last: 1 }], 2), [
    { first: 0, last: 0 },
    { first: 2, last: 2 },
  ]);
  t.strictSame(gapsBetween([{ first: 3, last: 9 }], 2), [{ first: 0, last: 2 }]);
});
