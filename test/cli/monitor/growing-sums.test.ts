/** Sums over a growing row are those of a plain one, whatever is added and changed. */
import fc from 'fast-check';
import { growingSums } from '../../../server/cli/monitor/growing-sums.ts';
import t from '../../support/tap.ts';

t.test('as a plain row', async (t) => {
  const step = fc.tuple(fc.nat(1_000), fc.option(fc.nat(300)));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const sums = growingSums();
      const plain: number[] = [];
      for (const [value, place] of steps) {
        if (place !== null && place < plain.length) {
          plain[place] = (plain[place] ?? 0) + value;
          sums.add(place, value);
        } else {
          plain.push(value);
          sums.push(value);
        }
      }
      let sum = 0;
      for (const [n, value] of [...plain, 0].entries()) {
        if (sums.first(n) !== sum) return false;
        sum += value;
      }
      return sums.first(plain.length + 1) === sum;
    }),
  );
  t.throws(() => growingSums().add(0, 1), RangeError);
});
